#include "tests/sim/sell_out_sim.h"

#include <gtest/gtest.h>

#include "tests/sim/seeds.h"

namespace holdfast {
namespace {

TEST(SellOutSim, WithEnoughBuyersEverythingIsSoldWhateverCrashes) {
  ForEachSeed(kSeedsOfSellOuts, [](uint64_t seed) {
    const auto wrong = RunSellOutSim(seed);
    EXPECT_FALSE(wrong) << "seed " << seed << ": " << *wrong;
    return !wrong;
  });
}

}  // namespace
}  // namespace holdfast
