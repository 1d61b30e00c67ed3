#include "server/load_progress.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

LoadProgress After(int seconds, uint64_t loaded, uint64_t total) {
  return {.started = {},
          .elapsed = std::chrono::seconds(seconds),
          .bytes_total = total,
          .bytes_loaded = loaded};
}

TEST(LoadProgress, TellsShareAndTimeToGoAtThePaceSoFar) {
  EXPECT_DOUBLE_EQ(After(2, 25, 100).Percent(), 25);
  EXPECT_EQ(After(2, 25, 100).SecondsToGo(), 6);
  EXPECT_DOUBLE_EQ(After(2, 100, 100).Percent(), 100);
  EXPECT_EQ(After(2, 100, 100).SecondsToGo(), 0);
}

TEST(LoadProgress, KnowsNoPaceBeforeTheFirstByte) {
  EXPECT_DOUBLE_EQ(After(0, 0, 100).Percent(), 0);
  EXPECT_EQ(After(3, 0, 100).SecondsToGo(), 1);
}

// The total is what the tables told.
TEST(LoadProgress, MoreThanWasToldOfIsAllOfIt) {
  EXPECT_DOUBLE_EQ(After(2, 120, 100).Percent(), 100);
  EXPECT_EQ(After(2, 120, 100).SecondsToGo(), 0);
  EXPECT_DOUBLE_EQ(After(2, 0, 0).Percent(), 100);
}

}  // namespace
}  // namespace holdfast
