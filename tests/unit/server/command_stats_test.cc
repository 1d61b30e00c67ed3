#include "server/command_stats.h"

#include <gtest/gtest.h>

#include "server/command_table.h"

namespace holdfast {
namespace {

TEST(LatencyHistogram, EachTimeLiesInTheBucketThatEndsAtOrBehindIt) {
  for (uint64_t ns = 0; ns < 100'000; ns += 7) {
    const size_t bucket = LatencyHistogram::BucketOf(ns);
    EXPECT_LE(ns, LatencyHistogram::LongestNs(bucket));
    if (bucket > 0) {
      EXPECT_GT(ns, LatencyHistogram::LongestNs(bucket - 1));
    }
  }
  for (size_t bucket = 0; bucket + 1 < LatencyHistogram::kBuckets; ++bucket) {
    const uint64_t longest = LatencyHistogram::LongestNs(bucket);
    EXPECT_EQ(LatencyHistogram::BucketOf(longest), bucket);
    EXPECT_EQ(LatencyHistogram::BucketOf(longest + 1), bucket + 1);
  }
}

TEST(LatencyHistogram, NoBucketIsWiderThanAQuarter) {
  for (size_t bucket = 1; bucket < LatencyHistogram::kBuckets; ++bucket) {
    const uint64_t before = LatencyHistogram::LongestNs(bucket - 1);
    EXPECT_LE(LatencyHistogram::LongestNs(bucket) - before, before / 4 + 1);
  }
}

TEST(LatencyHistogram, WhateverTakesLongerIsInTheLastBucket) {
  EXPECT_EQ(LatencyHistogram::BucketOf(UINT64_MAX), LatencyHistogram::kBuckets - 1);
  EXPECT_GT(LatencyHistogram::LongestNs(LatencyHistogram::kBuckets - 1), 240'000'000'000U);
}

TEST(LatencySum, PercentilesAreReadFromAllShards) {
  LatencyHistogram one;
  LatencyHistogram other;
  for (int i = 0; i < 98; ++i) one.Add(1000);
  other.Add(50'000);
  other.Add(2'000'000);
  LatencySum sum;
  sum.Add(one);
  sum.Add(other);
  EXPECT_EQ(sum.calls, 100U);
  const auto bucket_end = [](uint64_t ns) {
    return LatencyHistogram::LongestNs(LatencyHistogram::BucketOf(ns));
  };
  EXPECT_EQ(sum.Percentile(0), bucket_end(1000));
  EXPECT_EQ(sum.Percentile(50), bucket_end(1000));
  EXPECT_EQ(sum.Percentile(98), bucket_end(1000));
  EXPECT_EQ(sum.Percentile(99), bucket_end(50'000));
  EXPECT_EQ(sum.Percentile(99.9), bucket_end(2'000'000));
  EXPECT_EQ(sum.Percentile(100), bucket_end(2'000'000));
}

TEST(LatencySum, CountsWhatTookNoLonger) {
  LatencyHistogram histogram;
  histogram.Add(900);
  histogram.Add(1500);
  histogram.Add(1500);
  LatencySum sum;
  sum.Add(histogram);
  EXPECT_EQ(sum.UpTo(500), 0U);
  EXPECT_EQ(sum.UpTo(1024), 1U);
  EXPECT_EQ(sum.UpTo(2048), 3U);
}

TEST(CommandStats, EveryCommandHasARowOfItsOwn) {
  CommandStats stats;
  uint64_t calls = 0;
  for (const CommandSpec* command : Commands().rows()) {
    for (uint64_t i = 0; i <= calls % 5; ++i) stats.Ran(*command, 1, {});
    ++calls;
  }
  uint64_t at = 0;
  for (const CommandSpec* command : Commands().rows()) {
    ASSERT_NE(stats.Of(*command), nullptr) << command->name;
    EXPECT_EQ(stats.Of(*command)->calls.Get(), at % 5 + 1) << command->name;
    ++at;
  }
}

TEST(CommandStats, TimeFailuresAndRejectionsAreCountedApart) {
  CommandStats stats;
  const CommandSpec& get = *Commands().FindName("get");
  EXPECT_FALSE(stats.Of(get)->used());
  stats.Ran(get, 1500, {});
  stats.Ran(get, 400, {.failed = true});
  stats.Ran(get, 100, {.first_part = false});
  stats.Rejected(get);
  const CommandStats::Row& row = *stats.Of(get);
  EXPECT_EQ(row.calls.Get(), 2U);
  EXPECT_EQ(row.nanoseconds.Get(), 2000U);
  EXPECT_EQ(row.failed.Get(), 1U);
  EXPECT_EQ(row.rejected.Get(), 1U);
  EXPECT_EQ(row.histogram.load()->At(LatencyHistogram::BucketOf(1500)), 1U);
  stats.Reset();
  EXPECT_FALSE(row.used());
  EXPECT_EQ(row.nanoseconds.Get(), 0U);
  EXPECT_EQ(row.histogram.load()->At(LatencyHistogram::BucketOf(1500)), 0U);
}

TEST(CommandStats, ACommandOfNoTableIsNotCounted) {
  CommandStats stats;
  const CommandSpec stranger = *Commands().FindName("get");
  stats.Ran(stranger, 1, {});
  stats.Rejected(stranger);
  EXPECT_EQ(stats.Of(stranger), nullptr);
}

std::string Shown(const ErrorStats& errors) {
  std::string text;
  errors.ForEach([&](std::string_view word, uint64_t count) {
    text += std::string(word) + "=" + std::to_string(count) + " ";
  });
  return text;
}

TEST(ErrorStats, CountsByTheFirstWord) {
  ErrorStats errors;
  errors.Add("-ERR syntax error\r\n");
  errors.Add("-WRONGTYPE Operation against\r\n");
  errors.Add("-ERR no such key\r\n");
  errors.Add("-NOAUTH\r\n");
  EXPECT_EQ(Shown(errors), "ERR=2 WRONGTYPE=1 NOAUTH=1 ");
  errors.Reset();
  EXPECT_EQ(Shown(errors), "ERR=0 WRONGTYPE=0 NOAUTH=0 ");
}

TEST(ErrorStats, IsBoundedWhateverTheWords) {
  ErrorStats errors;
  for (size_t i = 0; i < 2 * ErrorStats::kWordsMax; ++i) {
    errors.Add("-" + std::string(100, 'X') + std::to_string(i) + " text\r\n");
    errors.Add("-E" + std::to_string(i) + "\r\n");
  }
  size_t words = 0;
  errors.ForEach([&](std::string_view word, uint64_t) {
    EXPECT_LE(word.size(), 24U);
    ++words;
  });
  EXPECT_EQ(words, ErrorStats::kWordsMax);
}

}  // namespace
}  // namespace holdfast
