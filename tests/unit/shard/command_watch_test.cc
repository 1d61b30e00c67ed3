// The clock is moved by hand: what takes how long is the test's own word.
#include "server/shard/command_watch.h"

#include <array>

#include <gtest/gtest.h>

#include "server/command_table.h"
#include "storage/null_log.h"

namespace holdfast {
namespace {

uint64_t clock_ns = 0;

constexpr uint64_t kMs = 1'000'000;
constexpr UnixMs kNow = FromUnixMs(1'795'288'322'993);

class CommandWatchTest : public testing::Test {
 protected:
  CommandWatchTest() : server_(1, log_), watch_(server_, server_.stats[0]) {
    clock_ns = 5'000'000'000;
    server_.span_clock = SpanClock([] { return clock_ns; }, uint64_t{1} << 32);
    config_.latency_monitor_threshold = 20;
    server_.latency.SetThreshold(20);
    watch_.SetConfig(config_);
    watch_.StartLap();
  }

  std::optional<uint64_t> Run(const char* name, uint64_t took_ns, CommandStats::Run run = {}) {
    clock_ns += took_ns;
    const std::array<std::string_view, 2> words = {name, "secret"};
    return watch_.Ran(*Commands().FindName(name), words, run, kNow);
  }
  uint64_t Nanoseconds(const char* name) {
    return server_.stats[0].commands.Of(*Commands().FindName(name))->nanoseconds.Get();
  }

  NullLog log_;
  Config config_;
  ServerState server_;
  CommandWatch watch_;
};

TEST_F(CommandWatchTest, ACommandsTimeGoesFromTheEndOfTheOneBefore) {
  Run("get", 100);
  Run("set", 250);
  Run("get", 40);
  EXPECT_EQ(Nanoseconds("get"), 140U);
  EXPECT_EQ(Nanoseconds("set"), 250U);
}

TEST_F(CommandWatchTest, WhatIsBetweenTwoTurnsIsNobodys) {
  Run("get", 100);
  clock_ns += 777'777;
  watch_.StartLap();
  Run("get", 100);
  EXPECT_EQ(Nanoseconds("get"), 200U);
}

TEST_F(CommandWatchTest, AClockThatStepsBackTakesNoTime) {
  clock_ns -= 1000;
  Run("get", 0);
  EXPECT_EQ(Nanoseconds("get"), 0U);
  Run("get", 50);
  EXPECT_EQ(Nanoseconds("get"), 50U);
}

TEST_F(CommandWatchTest, FromItsThresholdOnACommandIsInTheSlowLog) {
  EXPECT_FALSE(Run("set", 10 * kMs - 1));
  const auto id = Run("set", 10 * kMs);
  ASSERT_TRUE(id);
  const SlowEntry entry = server_.slow_log.Newest(1).at(0);
  EXPECT_EQ(entry.id, *id);
  EXPECT_EQ(entry.us, 10'000);
  EXPECT_EQ(entry.at, kNow);
  EXPECT_EQ(entry.words, (std::vector<std::string>{"set", "secret"}));
}

TEST_F(CommandWatchTest, PasswordsAreNotInTheSlowLog) {
  Run("auth", 10 * kMs);
  EXPECT_EQ(server_.slow_log.Newest(1).at(0).words,
            (std::vector<std::string>{"auth", "(redacted)"}));
}

TEST_F(CommandWatchTest, ANegativeThresholdOrNoLengthKeepsNone) {
  config_.slowlog_log_slower_than = -1;
  watch_.SetConfig(config_);
  EXPECT_FALSE(Run("set", 100'000 * kMs));
  config_.slowlog_log_slower_than = 0;
  config_.slowlog_max_len = 0;
  watch_.SetConfig(config_);
  EXPECT_FALSE(Run("set", 100'000 * kMs));
  EXPECT_EQ(server_.slow_log.size(), 0U);
}

TEST_F(CommandWatchTest, FastCommandsAreAnEventOfTheirOwn) {
  config_.slowlog_log_slower_than = -1;  // the one does not need the other
  watch_.SetConfig(config_);
  Run("set", 20 * kMs - 1);
  EXPECT_TRUE(server_.latency.HistoryOf(LatencyEvent::kCommand).empty());
  Run("set", 30 * kMs);
  Run("get", 21 * kMs);
  EXPECT_EQ(server_.latency.HistoryOf(LatencyEvent::kCommand).longest_ms, 30);
  EXPECT_EQ(server_.latency.HistoryOf(LatencyEvent::kFastCommand).longest_ms, 21);
}

TEST_F(CommandWatchTest, WhatIsNoCommandIsNotedToo) {
  clock_ns += 25 * kMs;
  watch_.Note(LatencyEvent::kSweep, kNow);
  EXPECT_EQ(server_.latency.HistoryOf(LatencyEvent::kSweep).longest_ms, 25);
  Run("get", 10);
  EXPECT_EQ(Nanoseconds("get"), 10U);
}

}  // namespace
}  // namespace holdfast
