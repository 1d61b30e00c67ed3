// SlabMover: jemalloc's side of defragmentation (storage/core/block_mover.h). A block is sparse if
// its slab holds no more blocks than the average slab of that size; a copy goes to the oldest slab
// that has room, past the thread's cache of blocks that it has just freed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "server/allocator.h"
#include "storage/core/block_mover.h"

namespace holdfast {

// Any thread, except where it is said.
class SlabMover final : public BlockMover {
 public:
  // Null if the allocator cannot tell how full its slabs are.
  static std::unique_ptr<SlabMover> Make();

  // How full the slabs are on average; until then no block is sparse.
  void SetAverages(const SlabFigures& figures);

  void FindSparse(std::span<const void* const> blocks, std::span<uint8_t> sparse) override;
  void* Allocate(size_t bytes) override;
  void Free(void* block, size_t bytes) override;
  void EndOfMoves() override;

 private:
  // Sizes of small blocks differ by 16 at least, but for the very smallest, and end at 14 KiB.
  static constexpr size_t kStep = 16;
  static constexpr size_t kBlockBytesMax = 14'336;

  SlabMover() = default;

  // By size: a slab with more blocks than this is left as it is. 0: so are all of that size.
  std::array<std::atomic<uint32_t>, kBlockBytesMax / kStep + 1> sparse_max_{};
  std::array<size_t, 4> query_{};  // the allocator's number for what FindSparse asks
  size_t query_length_ = 0;
};

}  // namespace holdfast
