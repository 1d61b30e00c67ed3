#include "tests/sim/sale_sim.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// HOLDFAST_SIM_SEEDS runs more of them, HOLDFAST_SIM_FIRST starts elsewhere (to repeat one seed:
// both).
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SaleSim, EveryAcknowledgedAnswerSurvivesEveryCrash) {
  const uint64_t first = FromEnvironment("HOLDFAST_SIM_FIRST", 1);
  const uint64_t seeds = FromEnvironment("HOLDFAST_SIM_SEEDS", 400);
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto wrong = RunSaleSim(seed);
    ASSERT_FALSE(wrong) << "seed " << seed << ": " << *wrong;
  }
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
