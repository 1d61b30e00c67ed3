#include "server/shard/shard_map.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(ShardMap, EverySlotHasOneOwnerInContiguousRangesOfWholePartitions) {
  for (int shards = 1; shards <= kPartitions; ++shards) {
    const ShardMap map(shards);
    int owner = 0;
    for (int slot = 0; slot < kSlots; ++slot) {
      const int now = map.OwnerOf(static_cast<Slot>(slot));
      if (now != owner) {
        EXPECT_EQ(slot % kSlotsPerPartition, 0);
        EXPECT_EQ(now, owner + 1);
        owner = now;
      }
      EXPECT_GE(slot, map.FirstSlot(now));
      EXPECT_LT(slot, map.FirstSlot(now + 1));
    }
    EXPECT_EQ(owner, shards - 1);  // nobody goes without
  }
}

}  // namespace
}  // namespace holdfast
