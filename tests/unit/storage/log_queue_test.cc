#include "storage/log_queue.h"

#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

using Clock = LogQueue::Clock;
constexpr auto kForever = Clock::time_point::max();
constexpr auto kNow = Clock::time_point{};

std::vector<std::string> TextsOf(LogQueue::Taken& taken) {
  std::vector<std::string> texts;
  Index first = taken.first;
  for (size_t i = 0; i < taken.used; ++i) {
    RecordBuilder& record = taken.records[i].record;
    RecordView view;
    EXPECT_TRUE(
        DecodeRecord(record.Seal({.history = {}, .epoch = 1, .first = first, .acked = 0}), view)
            .ok());
    first += record.count();
    for (const BatchView& batch : view.batches) texts.emplace_back(batch.mutations);
  }
  return texts;
}

TEST(LogQueue, PushOrderIsLogOrder) {
  LogQueue queue(1 << 20);
  queue.StartAfter({.epoch = 1, .index = 10});
  const std::string a = Mutations("a");
  const std::string b = Mutations("b");
  EXPECT_EQ(queue.Push({.mutations = a}), 11U);
  EXPECT_EQ(queue.Push({.mutations = b}), 12U);
  EXPECT_EQ(queue.LastPushed(), 12U);
  LogQueue::Taken taken;
  queue.TakeNow(taken);
  EXPECT_EQ(taken.first, 11U);
  EXPECT_EQ(TextsOf(taken), (std::vector<std::string>{a, b}));
  queue.Written();
  EXPECT_EQ(queue.Push({.mutations = a}), 13U);
  queue.TakeNow(taken);
  EXPECT_EQ(taken.first, 13U);
  EXPECT_EQ(TextsOf(taken), std::vector<std::string>{a});
}

TEST(LogQueue, ThreeThreadsGetEachIndexOnceAndKeepTheirOwnOrder) {
  constexpr int kThreads = 3;
  constexpr int kBatches = 2000;
  LogQueue queue(uint64_t{1} << 40);
  std::array<std::vector<Index>, kThreads> indexes;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kBatches; ++i) {
        const std::string batch = Mutations(std::to_string(t) + ":" + std::to_string(i));
        indexes[static_cast<size_t>(t)].push_back(
            queue.Push({.mutations = batch, .gated = i % 7 == 0}));
      }
    });
  }
  std::vector<std::string> log;
  LogQueue::Taken taken;
  Index durable = 0;
  while (log.size() < kThreads * kBatches) {
    queue.Take({.durable = durable, .gather_until = kNow, .sync_due = kForever}, taken);
    const Index before = taken.first - 1;
    ASSERT_EQ(before, log.size());
    for (const std::string& text : TextsOf(taken)) log.push_back(text);
    durable = log.size();
    queue.Written();
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t t = 0; t < kThreads; ++t) {
    Index before = 0;
    for (size_t i = 0; i < kBatches; ++i) {
      const Index index = indexes[t][i];
      EXPECT_EQ(log[index - 1], Mutations(std::to_string(t) + ":" + std::to_string(i)));
      EXPECT_GT(index, before);
      before = index;
    }
  }
}

TEST(LogQueue, WhatDoesNotFitOneRecordFillsAnother) {
  LogQueue queue(uint64_t{1} << 40);
  const std::string batch = Mutations(std::string(400'000, 'x'));
  for (int i = 0; i < 5; ++i) queue.Push({.mutations = batch});
  LogQueue::Taken taken;
  queue.TakeNow(taken);
  EXPECT_EQ(taken.used, 3U);
  EXPECT_EQ(TextsOf(taken).size(), 5U);
}

TEST(LogQueue, IsCongestedAboveItsBoundUntilHalfIsWritten) {
  const std::string batch = Mutations(std::string(100, 'x'));
  const uint64_t each = kBatchHeaderBytes + batch.size();
  LogQueue queue(4 * each);
  for (int i = 0; i < 4; ++i) queue.Push({.mutations = batch});
  EXPECT_FALSE(queue.Congested());
  queue.Push({.mutations = batch});
  EXPECT_TRUE(queue.Congested());
  LogQueue::Taken taken;
  queue.TakeNow(taken);
  EXPECT_TRUE(queue.Congested()) << "taken is not yet written";
  for (int i = 0; i < 3; ++i) queue.Push({.mutations = batch});
  EXPECT_FALSE(queue.Written()) << "more than half is queued again";
  EXPECT_TRUE(queue.Congested());
  queue.TakeNow(taken);
  EXPECT_TRUE(queue.Written());
  EXPECT_FALSE(queue.Congested());
  EXPECT_EQ(queue.Bytes(), 0U);
}

TEST(LogQueue, TellsHowFarSomebodyWaits) {
  LogQueue queue(1 << 20);
  const std::string batch = Mutations("x");
  LogQueue::Taken taken;
  queue.Push({.mutations = batch});
  queue.TakeNow(taken);
  EXPECT_EQ(taken.sync_wanted, 0U);
  queue.Written();
  queue.Push({.mutations = batch, .gated = true});
  queue.Push({.mutations = batch});
  queue.TakeNow(taken);
  EXPECT_EQ(taken.sync_wanted, 2U);
  queue.Written();
  queue.RequestSync(99);  // what was never pushed cannot be waited for
  EXPECT_EQ(queue.SyncWanted(), 3U);
}

// The waits below never end by a time-out in a right implementation: they would hang instead of
// passing late.
TEST(LogQueue, ASleepingLogThreadWakesForWhatIsUrgent) {
  const std::string batch = Mutations("x");
  const auto taken_after = [&](auto patience, auto act) {
    LogQueue queue(1 << 20);
    queue.Push({.mutations = batch});
    LogQueue::Taken taken;
    queue.TakeNow(taken);
    queue.Written();
    std::thread log_thread([&] { queue.Take(patience, taken); });
    act(queue);
    log_thread.join();
    return taken;
  };
  const LogQueue::Patience idle{.durable = 0, .gather_until = kNow, .sync_due = kForever};
  const LogQueue::Patience gathering{.durable = 0, .gather_until = kForever, .sync_due = kForever};
  EXPECT_EQ(taken_after(idle, [&](LogQueue& q) { q.Push({.mutations = batch}); }).used, 1U);
  EXPECT_EQ(taken_after(idle, [&](LogQueue& q) { q.RequestSync(1); }).sync_wanted, 1U);
  EXPECT_TRUE(taken_after(idle, [&](LogQueue& q) { q.Stop(); }).stopped);
  EXPECT_EQ(
      taken_after(gathering, [&](LogQueue& q) { q.Push({.mutations = batch, .gated = true}); })
          .used,
      1U);
  EXPECT_EQ(taken_after(gathering, [&](LogQueue& q) { q.RequestSync(1); }).sync_wanted, 1U);
}

TEST(LogQueue, BatchesThatNobodyWaitsForGatherUntilTheMomentIsOver) {
  LogQueue queue(1 << 20);
  const std::string batch = Mutations("x");
  queue.Push({.mutations = batch});
  LogQueue::Taken taken;
  const auto until = Clock::now() + std::chrono::milliseconds(20);
  queue.Take({.durable = 0, .gather_until = until, .sync_due = kForever}, taken);
  EXPECT_GE(Clock::now(), until);
  EXPECT_EQ(taken.used, 1U);
}

TEST(LogQueue, ReturnsEmptyHandedWhenABackgroundSyncIsDue) {
  LogQueue queue(1 << 20);
  LogQueue::Taken taken;
  queue.Take({.durable = 0, .gather_until = kNow, .sync_due = kNow}, taken);
  EXPECT_EQ(taken.used, 0U);
}

}  // namespace
}  // namespace holdfast
