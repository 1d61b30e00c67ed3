// Which slots a command line touches, by its row alone.
#pragma once

#include <span>

#include "server/command.h"
#include "server/shard/slot_locks.h"
#include "storage/base/slot.h"

namespace holdfast {

struct SlotNeeds {
  SlotList slots;
  bool everywhere = false;

  void Add(const SlotNeeds& more);
  void Add(std::span<const Slot> more);
  // After the last Add: ascending, each once.
  void Normalise();
};

// Ascending, each once.
void NormaliseSlots(SlotList& slots);

// Normalised.

SlotNeeds SlotsOf(const CommandSpec& command, Args words);

// Where a command with one home runs. Requires: it has a key, or is a SCAN.
Slot SlotOfRequest(const CommandSpec& command, Args words);

}  // namespace holdfast
