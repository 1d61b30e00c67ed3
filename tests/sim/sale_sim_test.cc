#include "tests/sim/sale_sim.h"

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace holdfast {
namespace {

TEST(SaleSim, EveryAcknowledgedAnswerSurvivesEveryCrash) {
  ForEachSeed(kSeedsOfSales, [](uint64_t seed) {
    const auto wrong = RunSaleSim(seed);
    EXPECT_FALSE(wrong) << "seed " << seed << ": " << *wrong;
    return !wrong;
  });
}

TEST(SaleSim, OneShardAndManyKeepTheSamePromises) {
  for (const int shards : {1, 2, 6}) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      const auto wrong = RunSaleSim(seed, {.shards = shards});
      ASSERT_FALSE(wrong) << shards << " shards, seed " << seed << ": " << *wrong;
    }
  }
}

// What it holds and what the log holds behind it then do not meet.
TEST(SaleSim, ASnapshotOfWhatIsNotAckedIsCaught) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    if (RunSaleSim(seed, {.lies = {.snapshot = true}})) return;
  }
  FAIL() << "no seed noticed that a snapshot held what a crash undid";
}

// The proof's own proof: a server that acknowledges before the sync does not get through.
TEST(SaleSim, AcknowledgingBeforeTheSyncIsCaught) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    if (RunSaleSim(seed, {.lies = {.log = true}})) return;
  }
  FAIL() << "no seed noticed that answers were acknowledged before they were durable";
}

}  // namespace
}  // namespace holdfast
