#include "server/defrag.h"

#include <gtest/gtest.h>

#include "tests/unit/core/chance_mover.h"

namespace holdfast {
namespace {

constexpr uint64_t kMB = uint64_t{1} << 20;

SlabFigures Figures(uint64_t allocated_mb, uint64_t free_mb) {
  return {.allocated = allocated_mb * kMB, .free_in_slabs = free_mb * kMB, .classes = {}};
}

UnixMs At(int64_t ms) { return FromUnixMs(1'795'288'000'000 + ms); }

TEST(DefragPercent, IsNothingBelowEitherThreshold) {
  const Config config;
  EXPECT_EQ(DefragPercent(Figures(0, 0), config), 0);
  EXPECT_EQ(DefragPercent(Figures(50, 99), config), 0);     // little, however scattered
  EXPECT_EQ(DefragPercent(Figures(1500, 149), config), 0);  // 9.9 %
  EXPECT_EQ(DefragPercent(Figures(50, 100), config), 25);
  EXPECT_EQ(DefragPercent(Figures(1500, 150), config), 1);
}

TEST(DefragPercent, GrowsFromTheLowerThresholdToTheUpper) {
  const Config config;
  EXPECT_EQ(DefragPercent(Figures(1000, 100), config), 1);
  EXPECT_EQ(DefragPercent(Figures(1000, 550), config), 13);
  EXPECT_EQ(DefragPercent(Figures(1000, 999), config), 24);
  EXPECT_EQ(DefragPercent(Figures(1000, 1000), config), 25);
  EXPECT_EQ(DefragPercent(Figures(1000, 9000), config), 25);
}

TEST(DefragPercent, ObeysWhateverIsConfigured) {
  Config config;
  config.active_defrag_threshold_lower = 300;  // above the upper one
  EXPECT_EQ(DefragPercent(Figures(1000, 2999), config), 0);
  EXPECT_EQ(DefragPercent(Figures(1000, 3000), config), 1);
  EXPECT_EQ(DefragPercent(Figures(1000, 3020), config), 25);
  config.active_defrag_cycle_min = 60;  // above the most
  EXPECT_EQ(DefragPercent(Figures(1000, 4000), config), 60);
  config.activedefrag = false;
  EXPECT_EQ(DefragPercent(Figures(1000, 4000), config), 0);
}

class Watch : public testing::Test {
 protected:
  void SetUp() override { orders.mover = &mover; }
  void Look(const SlabFigures& figures) { watch.Look(figures, config, moved, At(ms)); }
  void AllDone() {
    for (size_t shard = 0; shard < 2; ++shard) orders.done[shard] = orders.pass.load();
  }

  Config config;
  ChanceMover mover{0};
  DefragOrders orders;
  DefragWatch watch{orders, 2};
  uint64_t moved = 0;
  int64_t ms = 0;
};

TEST_F(Watch, GoesOnPassAfterPassUntilItIsNotWorthItAnyMore) {
  Look(Figures(1000, 50));
  EXPECT_EQ(orders.pass, 0U);
  Look(Figures(1000, 1000));
  EXPECT_EQ(orders.pass, 1U);
  EXPECT_EQ(orders.percent, 25);
  EXPECT_EQ(orders.began.load(), At(0));
  // One shard is not done: the pass goes on, no slower, even where little is left to win.
  orders.done[0] = 1;
  moved += 300 * kMB;
  Look(Figures(1000, 550));
  EXPECT_EQ(orders.pass, 1U);
  EXPECT_EQ(orders.percent, 25);
  Look(Figures(1000, 60));
  EXPECT_EQ(orders.pass, 1U);
  EXPECT_EQ(orders.percent, 25);
  AllDone();
  Look(Figures(1000, 500));
  EXPECT_EQ(orders.pass, 2U);
  // Below the threshold, but a pass is still worth it.
  moved += 300 * kMB;
  AllDone();
  Look(Figures(1000, 60));
  EXPECT_EQ(orders.pass, 3U);
  EXPECT_EQ(orders.percent, 25);
  moved += 300 * kMB;
  AllDone();
  ms = 5'000;
  Look(Figures(1000, 59));
  EXPECT_EQ(orders.pass, 0U);
  EXPECT_EQ(orders.percent, 0);
  EXPECT_EQ(orders.ms_before, 5'000);
  EXPECT_EQ(orders.began.load(), kNever);
}

TEST_F(Watch, GoesFasterWhenItGetsWorseAndSlowerOnlyWhenItIsTold) {
  Look(Figures(1000, 100));
  EXPECT_EQ(orders.percent, 1);
  Look(Figures(1000, 550));
  EXPECT_EQ(orders.percent, 13);
  config.active_defrag_cycle_max = 5;
  Look(Figures(1000, 550));
  EXPECT_EQ(orders.percent, 5);
}

TEST_F(Watch, WhatAPassCouldNotMoveIsNotTriedAgainUntilThereIsMore) {
  Look(Figures(1000, 1000));
  moved += 60 * kMB;  // less than a sixteenth
  AllDone();
  Look(Figures(1000, 1000));
  EXPECT_EQ(orders.pass, 0U);
  Look(Figures(1000, 1100));
  EXPECT_EQ(orders.pass, 0U);
  Look(Figures(1000, 1126));
  EXPECT_EQ(orders.pass, 2U);
}

TEST_F(Watch, HopeComesBackWhenTheMemoryWasNeededAgain) {
  Look(Figures(1000, 1000));
  AllDone();
  Look(Figures(1000, 1000));
  ASSERT_EQ(orders.pass, 0U);
  Look(Figures(2000, 150));
  Look(Figures(1500, 600));
  EXPECT_EQ(orders.pass, 2U);
}

TEST_F(Watch, StopsAtOnceWhenItIsSwitchedOff) {
  Look(Figures(1000, 1000));
  config.activedefrag = false;
  Look(Figures(1000, 1000));
  EXPECT_EQ(orders.pass, 0U);
  EXPECT_EQ(orders.percent, 0);
}

TEST_F(Watch, DoesNothingWithoutAnAllocatorThatCanTell) {
  orders.mover = nullptr;
  Look(Figures(1000, 1000));
  EXPECT_EQ(orders.pass, 0U);
}

}  // namespace
}  // namespace holdfast
