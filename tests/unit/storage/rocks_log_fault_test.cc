// A disk that fails: the log says so once, stops, and never promises what it cannot know.
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/rocks_log_test_support.h"

namespace holdfast {
namespace {

class FaultTest : public RocksLogTest {
 protected:
  void SetUp() override {
    RocksLogOptions options = Options();
    options.file_system = disk_;
    options.segment_bytes = 32 << 10;
    ASSERT_TRUE(TryStart(options).ok());
  }
  void TearDown() override { log_.reset(); }

  void AwaitFatal() {
    while (Fatal().empty()) std::this_thread::yield();
  }

  // Dead for good: whatever follows is taken but never durable, and the handler hears of it only
  // once.
  void ExpectDeadAt(Index durable) {
    AwaitFatal();
    Push("too late", true);
    EXPECT_FALSE(log_->Flush().ok());
    EXPECT_EQ(log_->Durable(), durable);
    EXPECT_EQ(Fatal().size(), 1U);
  }

  std::shared_ptr<FaultyDisk> disk_ = std::make_shared<FaultyDisk>();
};

TEST_F(FaultTest, AfterAFailedSyncNothingIsPromisedAnyMore) {
  AwaitDurable(Push("a", true));
  disk_->FailSync(".log", 2);
  const Index b = Push("b", true);
  AwaitDurable(b);
  Push("c", true);
  ExpectDeadAt(b);
}

TEST_F(FaultTest, AfterAFailedWriteNothingIsPromisedAnyMore) {
  const Index a = Push("a", true);
  AwaitDurable(a);
  disk_->FailAppend(".log", 1);
  Push("b", true);
  ExpectDeadAt(a);
}

TEST_F(FaultTest, AFailedBackgroundSyncIsFatalToo) {
  disk_->FailSync(".log", 1);
  Push("nobody waits");
  ExpectDeadAt(opening());
}

TEST_F(FaultTest, AFailedFlushOfAFullSegmentIsFatalToo) {
  disk_->FailSync(".sst", 1);
  // Until a segment is full and the housekeeper moves it into a table.
  for (int i = 0; Fatal().empty() && i < 100'000; ++i) {
    Push(std::string(4 << 10, 'x'), true);
    std::this_thread::yield();
  }
  AwaitFatal();
  const Index durable = log_->Durable();
  ExpectDeadAt(durable);
}

TEST_F(FaultTest, WhatWasPromisedBeforeIsThereAfterTheRestart) {
  const Index a = Push("a", true);
  AwaitDurable(a);
  disk_->FailSync(".log", 1);
  Push("b", true);
  ExpectDeadAt(a);
  log_.reset();
  ASSERT_TRUE(TryStart().ok());
  ASSERT_FALSE(heard_.texts.empty());
  EXPECT_EQ(heard_.texts[0], "a");
  EXPECT_NE(heard_.texts.back(), "too late");
}

}  // namespace
}  // namespace holdfast
