#include "server/shard/slot_needs.h"

#include <algorithm>

#include "server/group.h"
#include "storage/base/parse_int.h"

namespace holdfast {

void NormaliseSlots(SlotList& slots) {
  std::ranges::sort(slots);
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
}

void SlotNeeds::Normalise() { NormaliseSlots(slots); }

void SlotNeeds::Add(std::span<const Slot> more) {
  slots.insert(slots.end(), more.begin(), more.end());
}

void SlotNeeds::Add(const SlotNeeds& more) {
  everywhere |= more.everywhere;
  Add(more.slots);
}

Slot SlotOfRequest(const CommandSpec& command, Args words) {
  if (command.home == Home::kCursor) {
    // A malformed cursor is answered by the command itself, wherever it runs.
    return SlotOfCursor(ParseUint64(words[1]).value_or(0));
  }
  return SlotOf(words[static_cast<size_t>(command.keys.first)]);
}

SlotNeeds SlotsOf(const CommandSpec& command, Args words) {
  SlotNeeds needs;
  needs.everywhere = (command.flags & kEverywhere) != 0;
  switch (command.home) {
    case Home::kClient:
    case Home::kLater:
    case Home::kTransaction:
    case Home::kEveryShard:
    case Home::kSubscribers:
      break;
    case Home::kCursor:
      needs.slots.push_back(SlotOfRequest(command, words));
      break;
    case Home::kKey:
      if (HasKey(command, words)) {
        needs.slots.push_back(SlotOfRequest(command, words));
      } else {
        needs.everywhere = true;  // STOCK.AUDIT of all: it must not see the half of a group
      }
      break;
    case Home::kEachKey:
    case Home::kGroup: {
      for (size_t i = 0; i < KeyCount(command, words); ++i)
        needs.slots.push_back(SlotOf(KeyWord(command, words, i)));
      needs.Normalise();
      break;
    }
  }
  return needs;
}

}  // namespace holdfast
