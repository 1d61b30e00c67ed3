#include "server/event_flags.h"

#include <iterator>

namespace holdfast {
namespace {

struct FlagLetter {
  char letter;
  EventFlag flag;
};
constexpr FlagLetter kKinds[] = {
    {'g', kGenericEvents}, {'$', kStringEvents},    {'l', kListEvents},    {'s', kSetEvents},
    {'h', kHashEvents},    {'z', kSortedSetEvents}, {'x', kExpiredEvents}, {'e', kEvictedEvents},
    {'t', kStreamEvents},  {'d', kStockEvents},     {'n', kNewEvents},
};
constexpr FlagLetter kOthers[] = {
    {'K', kKeyspaceChannels}, {'E', kKeyeventChannels}, {'m', kMissEvents}};

// 'A': every kind but those that come with nearly every command.
constexpr uint32_t kAll = kGenericEvents | kStringEvents | kListEvents | kSetEvents | kHashEvents |
                          kSortedSetEvents | kExpiredEvents | kEvictedEvents | kStreamEvents |
                          kStockEvents;

uint32_t FlagsOf(char letter) {
  if (letter == 'A') return kAll;
  for (const FlagLetter& known : kKinds) {
    if (known.letter == letter) return known.flag;
  }
  for (const FlagLetter& known : kOthers) {
    if (known.letter == letter) return known.flag;
  }
  return 0;
}

}  // namespace

std::optional<uint32_t> ParseEventFlags(std::string_view letters) {
  uint32_t flags = 0;
  for (const char letter : letters) {
    const uint32_t more = FlagsOf(letter);
    if (more == 0) return std::nullopt;
    flags |= more;
  }
  return flags;
}

// Redis leaves out an 'n' beside an 'A'; a rewritten file would lose it.
std::string EventFlagsText(uint32_t flags) {
  std::string text;
  const bool all = (flags & kAll) == kAll;
  if (all) text += 'A';
  for (const FlagLetter& kind : kKinds) {
    const bool said = all && (kAll & kind.flag) != 0;
    if ((flags & kind.flag) != 0 && !said) text += kind.letter;
  }
  for (const FlagLetter& other : kOthers) {
    if ((flags & other.flag) != 0) text += other.letter;
  }
  return text;
}

}  // namespace holdfast
