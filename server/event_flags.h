// notify-keyspace-events: which channels are told what befalls keys, and of which kinds of events,
// in Redis' letters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

enum EventFlag : uint32_t {
  kKeyspaceChannels = 1U << 0,  // K: __keyspace@<db>__:<key> is told the event
  kKeyeventChannels = 1U << 1,  // E: __keyevent@<db>__:<event> is told the key
  kGenericEvents = 1U << 2,     // g: of any type: del, expire, rename_from ...
  kStringEvents = 1U << 3,      // $
  kListEvents = 1U << 4,        // l
  kSetEvents = 1U << 5,         // s
  kHashEvents = 1U << 6,        // h
  kSortedSetEvents = 1U << 7,   // z
  kExpiredEvents = 1U << 8,     // x: a key's time is over
  kEvictedEvents = 1U << 9,     // e: nothing is evicted here
  kStreamEvents = 1U << 10,     // t
  kMissEvents = 1U << 11,       // m: somebody read a key that is not there
  kStockEvents = 1U << 12,      // d: in Redis the types of modules, here stock
  kNewEvents = 1U << 13,        // n: a key that was not there
};

// Nothing: a letter that none of them has.
std::optional<uint32_t> ParseEventFlags(std::string_view letters);
// As CONFIG GET shows them.
std::string EventFlagsText(uint32_t flags);

}  // namespace holdfast
