#include "bench/histogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (uint64_t value = 0; value < 256; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Quantile(0.5), 127U);
  EXPECT_EQ(histogram.Quantile(1.0), 255U);
  EXPECT_EQ(histogram.Quantile(0.0), 0U);
}

TEST(Histogram, IsRightToOnePartIn128AtEverySize) {
  for (uint64_t value = 1; value < Histogram::kValueMax; value = value * 3 / 2 + 1) {
    Histogram histogram;
    histogram.Record(value);
    histogram.Record(Histogram::kValueMax);  // so that Max() does not round the answer for us
    const uint64_t told = histogram.Quantile(0.5);
    EXPECT_GE(told, value);
    EXPECT_LE(told - value, value / 128) << value;
  }
}

TEST(Histogram, AgreesWithASortedListOfTheSameValues) {
  Random random(7);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random.Next() >> (24 + random.Below(40)));
    histogram.Record(values.back());
  }
  std::ranges::sort(values);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
    const uint64_t exact = std::min(values[rank - 1], Histogram::kValueMax);
    EXPECT_GE(histogram.Quantile(share), exact) << share;
    EXPECT_LE(histogram.Quantile(share) - exact, exact / 128) << share;
  }
}

TEST(Histogram, CountsWhatIsBeyondItsRangeAndKeepsTheTrueMaximum) {
  Histogram histogram;
  histogram.Record(UINT64_MAX);
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.Max(), UINT64_MAX);
  EXPECT_GE(histogram.Quantile(0.5), Histogram::kValueMax);
}

TEST(Histogram, MergesAsIfEveryValueHadBeenRecordedInOne) {
  Histogram all;
  Histogram low;
  Histogram high;
  for (uint64_t value = 1; value <= 1000; ++value) {
    all.Record(value * 997);
    (value <= 700 ? low : high).Record(value * 997);
  }
  low.Merge(high);
  EXPECT_EQ(low.count(), all.count());
  EXPECT_EQ(low.Max(), all.Max());
  EXPECT_DOUBLE_EQ(low.Mean(), all.Mean());
  for (const double share : {0.1, 0.69, 0.71, 0.99}) {
    EXPECT_EQ(low.Quantile(share), all.Quantile(share));
  }
}

TEST(Histogram, SaysNothingWhenNothingWasRecorded) {
  Histogram histogram;
  histogram.Record(5);
  histogram.Clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.Quantile(0.99), 0U);
  EXPECT_EQ(histogram.Max(), 0U);
  EXPECT_EQ(histogram.Mean(), 0);
}

}  // namespace
}  // namespace holdfast::bench
