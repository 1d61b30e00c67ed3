#include "server/output_limit.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr OutputLimit kLimit{.hard = 1000, .soft = 100, .soft_for = std::chrono::seconds{2}};

UnixMs At(int64_t ms) { return FromUnixMs(1'795'288'322'993 + ms); }

TEST(SoftLimitWatch, WhoStaysAboveForLongerIsOver) {
  SoftLimitWatch watch;
  EXPECT_FALSE(watch.IsOver(kLimit, 101, At(0)));
  EXPECT_FALSE(watch.IsOver(kLimit, 500, At(2000)));
  EXPECT_TRUE(watch.IsOver(kLimit, 101, At(2001)));
}

TEST(SoftLimitWatch, WhoComesBackBeginsAnew) {
  SoftLimitWatch watch;
  EXPECT_FALSE(watch.IsOver(kLimit, 101, At(0)));
  EXPECT_FALSE(watch.IsOver(kLimit, 100, At(1999)));
  EXPECT_FALSE(watch.IsOver(kLimit, 101, At(2001)));
  EXPECT_FALSE(watch.IsOver(kLimit, 101, At(4001)));
  EXPECT_TRUE(watch.IsOver(kLimit, 101, At(4002)));
}

TEST(SoftLimitWatch, WithoutALimitNobodyIs) {
  SoftLimitWatch watch;
  EXPECT_FALSE(watch.IsOver({}, 1'000'000, At(0)));
  EXPECT_FALSE(watch.IsOver({}, 1'000'000, At(1'000'000)));
}

}  // namespace
}  // namespace holdfast
