#include "server/latency_monitor.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr auto kCommand = LatencyEvent::kCommand;

TEST(LatencyMonitor, NotesOnlyWhatReachesTheThreshold) {
  LatencyMonitor monitor;
  monitor.Add(kCommand, FromUnixMs(1000), 500);
  EXPECT_TRUE(monitor.HistoryOf(kCommand).empty()) << "off at first";
  monitor.SetThreshold(100);
  monitor.Add(kCommand, FromUnixMs(1000), 99);
  EXPECT_TRUE(monitor.HistoryOf(kCommand).empty());
  monitor.Add(kCommand, FromUnixMs(2000), 100);
  ASSERT_EQ(monitor.HistoryOf(kCommand).samples.size(), 1U);
  EXPECT_EQ(monitor.HistoryOf(kCommand).samples[0].unix_s, 2);
  EXPECT_TRUE(monitor.HistoryOf(LatencyEvent::kSweep).empty());
}

TEST(LatencyMonitor, ASecondHasOneSampleItsLongest) {
  LatencyMonitor monitor;
  monitor.SetThreshold(1);
  for (const int64_t ms : {5, 9, 7}) monitor.Add(kCommand, FromUnixMs(3500), ms);
  monitor.Add(kCommand, FromUnixMs(4000), 6);
  const LatencyHistory history = monitor.HistoryOf(kCommand);
  ASSERT_EQ(history.samples.size(), 2U);
  EXPECT_EQ(history.samples[0].ms, 9);
  EXPECT_EQ(history.samples[1].ms, 6);
  EXPECT_EQ(history.longest_ms, 9);
}

TEST(LatencyMonitor, TheOldestSamplesGoTheLongestStays) {
  LatencyMonitor monitor;
  monitor.SetThreshold(1);
  monitor.Add(kCommand, FromUnixMs(0), 1000);
  for (int64_t s = 1; s <= 200; ++s) monitor.Add(kCommand, FromUnixMs(s * 1000), 2);
  const LatencyHistory history = monitor.HistoryOf(kCommand);
  EXPECT_EQ(history.samples.size(), LatencyHistory::kSamplesMax);
  EXPECT_EQ(history.samples.front().unix_s, 41);
  EXPECT_EQ(history.longest_ms, 1000);
}

TEST(LatencyMonitor, ResetTellsWhetherThereWasAnything) {
  LatencyMonitor monitor;
  monitor.SetThreshold(1);
  monitor.Add(kCommand, FromUnixMs(0), 5);
  EXPECT_TRUE(monitor.Reset(kCommand));
  EXPECT_FALSE(monitor.Reset(kCommand));
  EXPECT_EQ(monitor.HistoryOf(kCommand).longest_ms, 0);
}

TEST(LatencyMonitor, EventsAreFoundByNameInAnyCase) {
  EXPECT_EQ(FindLatencyEvent("Fast-Command"), LatencyEvent::kFastCommand);
  EXPECT_EQ(FindLatencyEvent("log-sync"), LatencyEvent::kLogSync);
  EXPECT_EQ(FindLatencyEvent("fork"), std::nullopt);
}

TEST(LatencyGraph, DrawsAColumnForEachSample) {
  LatencyHistory history;
  history.Add({.unix_s = 1, .ms = 10});
  history.Add({.unix_s = 2, .ms = 100});
  history.Add({.unix_s = 3, .ms = 55});
  EXPECT_EQ(LatencyGraph("command", history),
            "command - high 100 ms, low 10 ms (all time high 100 ms)\n" + std::string(80, '-') +
                "\n"
                " #\n"
                " #\n"
                " ##\n"
                "_##\n");
}

TEST(LatencyGraph, OneSampleIsSeen) {
  LatencyHistory history;
  history.Add({.unix_s = 1, .ms = 10});
  EXPECT_TRUE(LatencyGraph("sweep", history).ends_with("\n_\n"));
}

TEST(LatencyReport, NamesWhatWasSlowAndWhatToDo) {
  LatencyMonitor monitor;
  EXPECT_NE(LatencyReport(monitor).find("latency-monitor-threshold"), std::string::npos);
  monitor.SetThreshold(10);
  EXPECT_EQ(LatencyReport(monitor),
            "Nothing took 10 ms or longer since the monitor was turned on or reset.\n");
  monitor.Add(LatencyEvent::kLogSync, FromUnixMs(1000), 20);
  monitor.Add(LatencyEvent::kLogSync, FromUnixMs(2000), 40);
  const std::string report = LatencyReport(monitor);
  EXPECT_TRUE(report.starts_with("log-sync: 2 spikes, 30 ms on average, 40 ms at worst.\n"))
      << report;
  EXPECT_EQ(report.find("sweep"), std::string::npos);
}

}  // namespace
}  // namespace holdfast
