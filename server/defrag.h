// Active defragmentation: when much has gone and what is left pins the allocator's pages, every
// shard copies what lies on sparse pages to fuller ones (storage/core/sparse_walk.h).
//
//   once a second, one thread:  DefragWatch looks at the allocator's figures ──► DefragOrders
//   every shard, between turns: DefragWalk (server/shard/defrag_walk.h) obeys them
//
// The work is done in passes, each through the whole keyspace. A pass moves what lies on pages that
// are less full than the average of their size, which makes the average rise: two or three passes
// leave next to nothing to win.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "server/allocator.h"
#include "server/config.h"
#include "storage/base/server_time.h"
#include "storage/base/slot.h"

namespace holdfast {

class BlockMover;

// What the shards are to do, and how far they are.
struct DefragOrders {
  BlockMover* mover = nullptr;        // set before the shards start; null: nothing can be moved
  std::atomic<uint32_t> pass{0};      // that is wanted; 0: none
  std::atomic<int> percent{0};        // of each shard's time that it may take
  std::atomic<UnixMs> began{kNever};  // the first of the passes that follow one another
  std::atomic<int64_t> ms_before{0};  // that earlier ones ran
  std::array<std::atomic<uint32_t>, kPartitions> done{};  // by shard: the last pass it has made
};

// How much of each shard's time it is worth, in percent; 0: not worth it.
int DefragPercent(const SlabFigures& figures, const Config& config);

// Starts passes, and ends them when they are done with. Owner thread: whoever looks.
class DefragWatch {
 public:
  DefragWatch(DefragOrders& orders, int shards) : orders_(orders), shards_(shards) {}

  // `bytes_moved`: by all shards, ever.
  void Look(const SlabFigures& figures, const Config& config, uint64_t bytes_moved, UnixMs now);

 private:
  bool PassIsDone() const;
  void StartPass(uint64_t bytes_moved);
  void Stop(UnixMs now);

  DefragOrders& orders_;
  const int shards_;
  uint32_t last_pass_ = 0;
  uint64_t bytes_moved_before_ = 0;  // the present pass
  // What the last passes could not win back: their like is not tried again until there is more.
  uint64_t hopeless_bytes_ = 0;
};

}  // namespace holdfast
