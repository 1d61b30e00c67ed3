#include "storage/memory_log.h"

#include <optional>

#include <gtest/gtest.h>

#include "storage/null_log.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

class MemoryLogTest : public testing::Test {
 protected:
  MemoryLogOptions Options() {
    return {.history = {.id = TestHistory(), .hash_seed = {}, .epoch = 0},
            .fatal = [this](const Status& status) { fatal_.push_back(status.text()); }};
  }

  static Index Push(Log& log, const std::string& text, bool gated = false) {
    const std::string batch = Mutations(text);
    return log.Push({.mutations = batch, .gated = gated, .server_time = FromUnixMs(1000)});
  }

  // What a start from `disk` would hear, if it starts at all.
  std::optional<std::vector<std::string>> TextsOn(const MemoryDisk& disk) {
    MemoryLog log(Options(), disk);
    Heard heard;
    Replayed replayed;
    if (!log.Replay(Cuts{}, heard.Listener(), replayed).ok()) return std::nullopt;
    return heard.texts;
  }

  std::vector<std::string> fatal_;
};

TEST_F(MemoryLogTest, NothingIsDurableBeforeTheSync) {
  MemoryLog log(Options());
  CountingWaker waker;
  log.AddWaker(&waker);
  const Index opening = log.LastPushed();
  EXPECT_EQ(Push(log, "a", true), opening + 1);
  EXPECT_EQ(log.Durable(), opening);
  EXPECT_TRUE(log.SyncWanted());
  EXPECT_TRUE(log.Step());
  EXPECT_EQ(log.Durable(), opening);
  EXPECT_EQ(waker.wakes, 0);
  EXPECT_TRUE(log.Sync());
  EXPECT_EQ(log.Durable(), opening + 1);
  EXPECT_EQ(waker.wakes, 1);
  EXPECT_FALSE(log.SyncWanted());
  EXPECT_FALSE(log.Step());
}

TEST_F(MemoryLogTest, KillSparesWhatWasWrittenButNotWhatWasQueued) {
  MemoryLog log(Options());
  Push(log, "synced");
  log.Step();
  log.Sync();
  Push(log, "written");
  log.Step();
  Push(log, "queued");
  EXPECT_EQ(TextsOn(log.Kill()), (Texts{"synced", "written"}));
}

TEST_F(MemoryLogTest, PowerLossTakesASuffixOfTheUnsyncedRecordsWhereverItCuts) {
  MemoryLog log(Options());
  Push(log, "synced");
  log.Step();
  log.Sync();
  Push(log, "one");
  log.Step();
  const size_t one = log.UnsyncedBytes();
  Push(log, "two");
  log.Step();
  for (size_t keep = 0; keep <= log.UnsyncedBytes(); ++keep) {
    Texts expected = {"synced"};
    if (keep >= one) expected.emplace_back("one");
    if (keep == log.UnsyncedBytes()) expected.emplace_back("two");
    EXPECT_EQ(TextsOn(log.LosePower(keep)), expected) << keep;
  }
}

TEST_F(MemoryLogTest, ALogThatLostWhatWasDurableIsRefused) {
  MemoryLog log(Options());
  Push(log, "a");
  log.Flush().ok();
  MemoryDisk disk = log.LosePower(0);
  ASSERT_EQ(TextsOn(disk), Texts{"a"});
  disk.records.pop_back();
  EXPECT_EQ(TextsOn(disk), std::nullopt);
  disk.records.clear();
  EXPECT_EQ(TextsOn(disk), std::nullopt);
}

TEST_F(MemoryLogTest, EveryFlippedBitIsRefused) {
  MemoryLog log(Options());
  Push(log, "a");
  log.Step();
  Push(log, "b");
  ASSERT_TRUE(log.Flush().ok());
  MemoryDisk disk = log.Kill();
  for (size_t bit = 0; bit < disk.records.size() * 8; ++bit) {
    disk.records[bit / 8] = static_cast<char>(disk.records[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(TextsOn(disk), std::nullopt) << bit;
    disk.records[bit / 8] = static_cast<char>(disk.records[bit / 8] ^ (1 << (bit % 8)));
  }
}

TEST_F(MemoryLogTest, GoesOnBehindWhatItReplayedInANewEpoch) {
  MemoryLog first(Options());
  const Index a = Push(first, "a");
  first.Step();
  Push(first, "torn");
  first.Step();
  MemoryLog second(Options(), first.LosePower(first.UnsyncedBytes() - 1));
  Heard heard;
  Replayed replayed;
  ASSERT_TRUE(second.Replay(Cuts{}, heard.Listener(), replayed).ok());
  EXPECT_EQ(replayed.last, a);
  EXPECT_EQ(replayed.server_time, FromUnixMs(1000));
  EXPECT_EQ(second.Durable(), a + 1) << "what was replayed is shown, so it counts as durable, and "
                                        "so does the opening behind it";
  EXPECT_EQ(second.history().epoch, first.history().epoch + 1);
  EXPECT_EQ(Push(second, "b"), a + 2);
  ASSERT_TRUE(second.Flush().ok());
  EXPECT_EQ(TextsOn(second.LosePower(0)), (Texts{"a", "b"}));
}

TEST_F(MemoryLogTest, WhatWasReplayedSurvivesTheNextPowerLoss) {
  MemoryLog first(Options());
  Push(first, "written");
  first.Step();
  MemoryLog second(Options(), first.Kill());
  Heard heard;
  Replayed replayed;
  ASSERT_TRUE(second.Replay(Cuts{}, heard.Listener(), replayed).ok());
  EXPECT_EQ(TextsOn(second.LosePower(0)), Texts{"written"});
}

TEST_F(MemoryLogTest, TheKthWriteFailsAndLeavesATornRecord) {
  MemoryLog log(Options());
  const Index opening = log.Durable();
  log.FailWrite(2);
  Push(log, "a");
  EXPECT_TRUE(log.Step());
  Push(log, "b");
  EXPECT_FALSE(log.Step());
  EXPECT_EQ(fatal_.size(), 1U);
  EXPECT_FALSE(log.Sync()) << "a dead log promises nothing";
  EXPECT_EQ(log.Durable(), opening);
  EXPECT_FALSE(log.Flush().ok());
  EXPECT_EQ(TextsOn(log.Kill()), Texts{"a"});
}

// A disk that writes to another place than it was told, and says nothing: no start shows less than
// was promised, or anything else.
TEST_F(MemoryLogTest, WhicheverWriteIsMisdirectedTheStartIsRefused) {
  const Texts texts = {"one", "two", "three", "four", "five"};
  for (uint64_t k = 1; k <= texts.size(); ++k) {
    for (size_t back = 0; back < 300; ++back) {
      MemoryLog log(Options());
      log.MisdirectWrite(k, back);
      for (const std::string& text : texts) {
        Push(log, text, true);
        ASSERT_TRUE(log.Step());
        ASSERT_TRUE(log.Sync());
      }
      EXPECT_EQ(TextsOn(log.LosePower(0)), std::nullopt) << k << ", " << back << " bytes back";
    }
  }
}

TEST_F(MemoryLogTest, AfterAFailedSyncNothingBecomesDurable) {
  MemoryLog log(Options());
  CountingWaker waker;
  log.AddWaker(&waker);
  const Index opening = log.Durable();
  log.FailSync(1);
  Push(log, "a", true);
  log.Step();
  EXPECT_FALSE(log.Sync());
  EXPECT_FALSE(log.Sync()) << "a second try would report a success that is none";
  EXPECT_EQ(log.Durable(), opening);
  EXPECT_EQ(waker.wakes, 0);
  EXPECT_EQ(fatal_.size(), 1U);
}

TEST_F(MemoryLogTest, WakesWhenACongestionEnds) {
  MemoryLogOptions options = Options();
  options.queue_bytes_max = 10;
  MemoryLog log(options);
  CountingWaker waker;
  log.AddWaker(&waker);
  Push(log, "more than ten bytes");
  EXPECT_TRUE(log.Congested());
  log.Step();
  EXPECT_FALSE(log.Congested());
  EXPECT_EQ(waker.wakes, 1);
}

TEST(NullLog, NumbersBatchesAndMakesNobodyWait) {
  NullLog log;
  EXPECT_FALSE(log.Keeps());
  EXPECT_EQ(log.Push({}), 1U);
  EXPECT_EQ(log.Push({}), 2U);
  EXPECT_EQ(log.LastPushed(), 2U);
  EXPECT_EQ(log.Durable(), 2U);
  EXPECT_TRUE(log.Flush().ok());
}

}  // namespace
}  // namespace holdfast
