// What the allocator tells of itself. jemalloc where the server is linked with it; any other (a
// sanitizer's) tells nothing.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast {

struct AllocatorStats {
  bool known = false;
  uint64_t allocated = 0;  // bytes handed out
  uint64_t active = 0;     // of the pages that hold them
  uint64_t resident = 0;   // of the pages that the system has given
};

// Any thread, all of these. They take the allocator's locks: not on a hot path.
AllocatorStats ReadAllocatorStats();

// Gives pages that hold nothing back to the system. False: the allocator cannot.
bool PurgeAllocator();

// The allocator's own report, for people; empty: it has none.
std::string AllocatorReport();

}  // namespace holdfast
