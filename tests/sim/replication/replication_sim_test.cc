#include "tests/sim/replication/replication_sim.h"

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace holdfast {
namespace {

// HOLDFAST_SIM_SEEDS=100000 build/dev/bin/sim_test --gtest_filter='ReplicationSim*'
TEST(ReplicationSim, NothingAckedIsLostWhateverNodesNetworksDisksAndOperatorsDo) {
  uint64_t acked = 0;
  uint64_t snapshots = 0;
  ForEachSeed(kSeedsOfReplication, [&](uint64_t seed) {
    const ReplicationFigures figures = RunReplicationSim(seed);
    EXPECT_FALSE(figures.wrong) << "seed " << seed << ": " << *figures.wrong;
    acked += figures.acked;
    snapshots += figures.snapshots;
    return !figures.wrong;
  });
  // It was about something.
  EXPECT_GT(acked, 0U);
  EXPECT_GT(snapshots, 0U);
}

}  // namespace
}  // namespace holdfast
