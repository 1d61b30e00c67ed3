// What the allocator tells of itself, and how it gives memory back. jemalloc where the server is
// linked with it; any other (a sanitizer's) tells nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast {

struct AllocatorStats {
  bool known = false;
  uint64_t allocated = 0;  // bytes handed out
  uint64_t active = 0;     // of the pages that hold them
  uint64_t resident = 0;   // of the pages that the system has given
};

// Any thread, all of these. They take the allocator's locks: not on a hot path.
AllocatorStats ReadAllocatorStats();

// Small blocks of one size: they share slabs of a few pages, which go back when no block is left.
struct SlabClass {
  size_t block_bytes = 0;
  size_t blocks_per_slab = 0;
  uint64_t slabs = 0;
  uint64_t blocks = 0;  // handed out

  uint64_t free_bytes() const { return (slabs * blocks_per_slab - blocks) * block_bytes; }
};
struct SlabFigures {
  uint64_t allocated = 0;      // bytes handed out, of small and large blocks
  uint64_t free_in_slabs = 0;  // bytes between them
  std::vector<SlabClass> classes;
};
// Nothing but zeros if the allocator cannot tell.
SlabFigures ReadSlabs();

// Gives pages that hold nothing back to the system. False: the allocator cannot.
bool PurgeAllocator();

// From now on that is done by threads of the allocator's own, some seconds after a page was last
// used, and not by whoever frees something: many pages at once take milliseconds. What is free in
// larger pieces would still be given back by whoever freed it, by the rules of each arena, and
// these come with the threads that use them: to be called again now and then.
void PurgeInBackground();

// The allocator's own report, for people; empty: it has none.
std::string AllocatorReport();

}  // namespace holdfast
