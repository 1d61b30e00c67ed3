// Which shard owns a slot: contiguous ranges of whole partitions, computed at each start from the
// number of shards alone. Nothing on disk names a shard.
#pragma once

#include <cstdint>

#include "storage/base/invariant.h"
#include "storage/base/slot.h"

namespace holdfast {

using ShardId = uint8_t;

class ShardMap {
 public:
  explicit ShardMap(int shards) : shards_(shards) {
    Invariant(shards >= 1);
    Invariant(shards <= kPartitions);
    for (int partition = 0; partition < kPartitions; ++partition) {
      owner_[partition] = static_cast<ShardId>(partition * shards / kPartitions);
    }
  }

  int shards() const { return shards_; }
  ShardId OwnerOf(Slot slot) const { return owner_[PartitionOf(slot)]; }

  // The shard's slots are [FirstSlot(shard), FirstSlot(shard + 1)).
  int FirstSlot(int shard) const {
    int partition = 0;
    while (partition < kPartitions && owner_[partition] < shard) ++partition;
    return partition * kSlotsPerPartition;
  }

 private:
  int shards_;
  ShardId owner_[kPartitions] = {};
};

}  // namespace holdfast
