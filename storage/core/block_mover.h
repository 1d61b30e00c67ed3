// BlockMover: what giving memory back needs to know of the heap. An allocator hands out blocks of
// one size from common pages; a page goes back to the system when no block on it is in use. Where
// most blocks of a size are gone, a few that are left on each page pin them all: those are sparse,
// and are to be copied to where more is in use (sparse_walk.h).
//
// The core knows no allocator: the server brings one, a test a judge of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

class BlockMover {
 public:
  virtual ~BlockMover() = default;
  // Says of each block whether it had better lie elsewhere: 1, or 0. An address may point anywhere
  // into its block. Requires: as many answers as blocks, no null among these.
  virtual void FindSparse(std::span<const void* const> blocks, std::span<uint8_t> sparse) = 0;
  // A block where much is in use already. Freed as one of operator new is.
  virtual void* Allocate(size_t bytes) = 0;
  // Of `bytes`, as it was asked for. Not kept back for the next that is asked for: a copy would lie
  // where it lay before.
  virtual void Free(void* block, size_t bytes) = 0;
  // Blocks were also allocated in the ordinary way, copied to, and the old ones then freed: nothing
  // of those is kept back any longer.
  virtual void EndOfMoves() = 0;
};

}  // namespace holdfast
