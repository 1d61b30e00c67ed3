#include "tests/sim/ledger_sim.h"

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace holdfast {
namespace {

TEST(LedgerSim, EveryPromiseHoldsThroughRetriesCrashesAndFaults) {
  ForEachSeed(kSeedsOfLedgers, [](uint64_t seed) {
    const LedgerSimRun run = RunLedgerSim(seed);
    EXPECT_FALSE(run.wrong) << "seed " << seed << ": " << *run.wrong;
    return !run.wrong;
  });
}

TEST(LedgerSim, ASeedReplaysExactly) {
  uint64_t before = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const uint64_t trace = RunLedgerSim(seed).trace;
    EXPECT_EQ(trace, RunLedgerSim(seed).trace) << "seed " << seed;
    EXPECT_NE(trace, before) << "another seed, another run";
    before = trace;
  }
}

TEST(LedgerSim, WhateverStepItCrashesAfterNothingAcknowledgedIsLost) {
  for (int steps = 1; steps <= 400; ++steps) {
    const LedgerSimRun run = RunLedgerSim(11, {.steps = 60, .crashes = 2, .first_steps = steps});
    ASSERT_FALSE(run.wrong) << "after step " << steps << ": " << *run.wrong;
  }
}

// The first life is the same up to the fault; the others must find all that it had acknowledged.
TEST(LedgerSim, WhicheverWriteFailsTheProcessStopsAndNothingAcknowledgedIsLost) {
  uint64_t k = 1;
  for (bool met = true; met; ++k) {
    const LedgerSimRun run = RunLedgerSim(7, {.crashes = 2, .fail_write = k});
    ASSERT_FALSE(run.wrong) << "write " << k << ": " << *run.wrong;
    met = run.fault_met;
  }
  EXPECT_GT(k, 20U);
}

TEST(LedgerSim, WhicheverSyncFailsTheProcessStopsAndNothingAcknowledgedIsLost) {
  uint64_t k = 1;
  for (bool met = true; met; ++k) {
    const LedgerSimRun run = RunLedgerSim(7, {.crashes = 2, .fail_sync = k});
    ASSERT_FALSE(run.wrong) << "sync " << k << ": " << *run.wrong;
    met = run.fault_met;
  }
  EXPECT_GT(k, 8U);
}

TEST(LedgerSim, OneShardAndManyKeepTheSamePromises) {
  for (const int shards : {1, 2, 6}) {
    for (uint64_t seed = 1; seed <= 25; ++seed) {
      const LedgerSimRun run = RunLedgerSim(seed, {.shards = shards});
      ASSERT_FALSE(run.wrong) << shards << " shards, seed " << seed << ": " << *run.wrong;
    }
  }
}

}  // namespace
}  // namespace holdfast
