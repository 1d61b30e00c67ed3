#include "tests/sim/group_sim.h"

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace holdfast {
namespace {

TEST(GroupSim, TransactionsOverShardsAreWholeInOrderAndNeverStuck) {
  ForEachSeed(kSeedsOfGroups, [](uint64_t seed) {
    const auto wrong = RunGroupSim(seed);
    EXPECT_FALSE(wrong) << "seed " << seed << ": " << *wrong;
    return !wrong;
  });
}

TEST(GroupSim, FromOneShardToSix) {
  for (const int shards : {1, 2, 4, 6}) {
    for (uint64_t seed = 1; seed <= 25; ++seed) {
      const auto wrong = RunGroupSim(seed, {.shards = shards});
      ASSERT_FALSE(wrong) << shards << " shards, seed " << seed << ": " << *wrong;
    }
  }
}

}  // namespace
}  // namespace holdfast
