#include "server/commands/ranges.h"

#include <limits>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();
constexpr int64_t kInt64Min = std::numeric_limits<int64_t>::min();

TEST(RangeOf, CountsNegativeEndsFromTheEnd) {
  EXPECT_EQ(RangeOf(0, -1, 5), (Range{0, 4}));
  EXPECT_EQ(RangeOf(-3, -2, 5), (Range{2, 3}));
  EXPECT_EQ(RangeOf(1, 3, 5), (Range{1, 3}));
}

TEST(RangeOf, StaysWithinTheString) {
  EXPECT_EQ(RangeOf(kInt64Min, kInt64Max, 5), (Range{0, 4}));
  EXPECT_EQ(RangeOf(-100, -50, 5), (Range{0, 0}));
  EXPECT_TRUE(RangeOf(5, kInt64Max, 5).empty());
  EXPECT_TRUE(RangeOf(3, 2, 5).empty());
  for (const int64_t end : {kInt64Min, int64_t{-1}, int64_t{0}, kInt64Max}) {
    EXPECT_TRUE(RangeOf(0, end, 0).empty());
    EXPECT_EQ(RangeOf(0, end, 0).size(), 0);
  }
}

TEST(IsBackwards, IsAskedOfNegativeEndsOnly) {
  EXPECT_TRUE(IsBackwards(-1, -2));
  EXPECT_FALSE(IsBackwards(-2, -2));
  EXPECT_FALSE(IsBackwards(2, 1));
  EXPECT_FALSE(IsBackwards(1, -2));
}

}  // namespace
}  // namespace holdfast
