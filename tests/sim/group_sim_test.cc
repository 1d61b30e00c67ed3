#include "tests/sim/group_sim.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// As in sale_sim_test.cc.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(GroupSim, TransactionsOverShardsAreWholeInOrderAndNeverStuck) {
  const uint64_t first = FromEnvironment("HOLDFAST_SIM_FIRST", 1);
  const uint64_t seeds = FromEnvironment("HOLDFAST_SIM_SEEDS", 400);
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto wrong = RunGroupSim(seed);
    ASSERT_FALSE(wrong) << "seed " << seed << ": " << *wrong;
  }
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
