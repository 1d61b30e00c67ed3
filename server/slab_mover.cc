#include "server/slab_mover.h"

#include <algorithm>

#include "server/jemalloc.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// MALLOCX_TCACHE_NONE: neither from the thread's cache nor into it.
constexpr int kPastCache = 1 << 8;

// What the query tells of each block.
struct Slab {
  size_t free_blocks;
  size_t blocks;  // free or not
  size_t bytes;
};
constexpr size_t kBlocksAtOnce = 256;

// A size is left as it is where next to nothing is to be won: this many bytes in all, ...
constexpr uint64_t kFreeBytesMin = uint64_t{256} << 10;
// ... or one block in so many.
constexpr uint64_t kFreePartMin = 16;

uint32_t SparseMax(const SlabClass& of) {
  const uint64_t places = of.slabs * of.blocks_per_slab;
  if (of.slabs == 0 || of.free_bytes() < kFreeBytesMin) return 0;
  if ((places - of.blocks) * kFreePartMin < places) return 0;
  return static_cast<uint32_t>(of.blocks / of.slabs);
}

}  // namespace

std::unique_ptr<SlabMover> SlabMover::Make() {
  if (mallctlnametomib == nullptr) return nullptr;
  std::unique_ptr<SlabMover> mover(new SlabMover);
  mover->query_length_ = mover->query_.size();
  const int failed = mallctlnametomib("experimental.utilization.batch_query", mover->query_.data(),
                                      &mover->query_length_);
  if (failed != 0) return nullptr;
  return mover;
}

void SlabMover::SetAverages(const SlabFigures& figures) {
  for (const SlabClass& of : figures.classes) {
    if (of.block_bytes < kStep || of.block_bytes > kBlockBytesMax) continue;
    sparse_max_[of.block_bytes / kStep].store(SparseMax(of), std::memory_order_relaxed);
  }
}

void SlabMover::FindSparse(std::span<const void* const> blocks, std::span<uint8_t> sparse) {
  Invariant(blocks.size() == sparse.size());
  std::array<Slab, kBlocksAtOnce> slabs;
  for (size_t done = 0; done < blocks.size(); done += kBlocksAtOnce) {
    const auto some = blocks.subspan(done, std::min(kBlocksAtOnce, blocks.size() - done));
    const auto answers = sparse.subspan(done, some.size());
    size_t answer_bytes = some.size() * sizeof(Slab);
    const int failed = mallctlbymib(query_.data(), query_length_, slabs.data(), &answer_bytes,
                                    const_cast<const void**>(some.data()), some.size_bytes());
    Invariant(failed == 0);
    std::ranges::transform(slabs.begin(), slabs.begin() + static_cast<std::ptrdiff_t>(some.size()),
                           answers.begin(), [this](const Slab& slab) -> uint8_t {
                             if (slab.blocks <= 1 || slab.free_blocks == 0) return 0;
                             const size_t block_bytes = slab.bytes / slab.blocks;
                             if (block_bytes > kBlockBytesMax) return 0;
                             const uint32_t most =
                                 sparse_max_[block_bytes / kStep].load(std::memory_order_relaxed);
                             return slab.blocks - slab.free_blocks <= most ? 1 : 0;
                           });
  }
}

void* SlabMover::Allocate(size_t bytes) {
  void* const block = mallocx(bytes, kPastCache);
  Invariant(block != nullptr);
  return block;
}

void SlabMover::Free(void* block, size_t bytes) { sdallocx(block, bytes, kPastCache); }

void SlabMover::EndOfMoves() { mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0); }

}  // namespace holdfast
