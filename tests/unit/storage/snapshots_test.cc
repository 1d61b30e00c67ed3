// Snapshots for which there may be no room. Here the test is the shards.
#include "storage/snapshots.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "storage/snapshot_store.h"
#include "tests/unit/storage/rocks_log_test_support.h"

namespace holdfast {
namespace {

class SnapshotsTest : public RocksLogTest {
 protected:
  void SetUp() override {
    Start();
    snapshots_ = std::make_unique<Snapshots>(
        *log_, Snapshots::Options{.now = [] { return FromUnixMs(0); },
                                  .acked = [this] { return acked_.load(); },
                                  .tell = {}});
    snapshots_->Start();
  }
  // Before the log.
  void TearDown() override { snapshots_.reset(); }

  uint32_t Begin() {
    const uint32_t number = snapshots_->Begin(false);
    EXPECT_GT(number, 0U);
    EXPECT_TRUE(snapshots_->figures().running);  // before the thread has woken
    while (snapshots_->wanted() != number && snapshots_->finished() != number) {
      std::this_thread::yield();
    }
    return number;
  }
  void TakeAll(uint32_t number, Partition first = 0, Index cut = 0) {
    for (Partition p = first; p < kPartitions; ++p) {
      snapshots_->TookCut(p, cut, number);
      snapshots_->Put(p, "row");
      snapshots_->TookAll(p, 1);
    }
  }
  void AwaitEnd(uint32_t number) const {
    while (snapshots_->finished() != number) std::this_thread::yield();
  }
  void LeaveNoRoom() { log_->SetDiskReserve(~uint64_t{0} / 2); }
  void MakeRoom() { log_->SetDiskReserve(0); }

  std::atomic<Index> acked_{0};
  std::unique_ptr<Snapshots> snapshots_;
};

TEST_F(SnapshotsTest, OneIsCompleteWhenItsCutsAreAckedHoweverDurableTheyAreHere) {
  for (int i = 0; i < 5; ++i) log_->Push({.mutations = "x", .server_time = FromUnixMs(1)});
  ASSERT_TRUE(log_->Flush().ok());
  acked_ = log_->LastPushed() - 1;
  const uint32_t number = Begin();
  TakeAll(number, 0, log_->LastPushed());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(snapshots_->finished(), 0U);
  acked_ = log_->LastPushed();
  AwaitEnd(number);
  EXPECT_EQ(snapshots_->complete(), number);
}

TEST_F(SnapshotsTest, OneForWhichThereIsNoRoomIsGivenUpAndTheNextOneIsComplete) {
  const uint32_t first = Begin();
  LeaveNoRoom();
  TakeAll(first);
  AwaitEnd(first);
  EXPECT_EQ(snapshots_->complete(), 0U);
  EXPECT_EQ(snapshots_->wanted(), 0U);
  EXPECT_TRUE(snapshots_->figures().given_up);
  EXPECT_FALSE(snapshots_->figures().running);
  EXPECT_EQ(log_->snapshots().current().number, 0U);

  MakeRoom();
  const uint32_t second = Begin();
  TakeAll(second);
  AwaitEnd(second);
  EXPECT_EQ(snapshots_->complete(), second);
  EXPECT_FALSE(snapshots_->figures().given_up);
  EXPECT_EQ(log_->snapshots().current().rows, kPartitions);
  EXPECT_TRUE(Fatal().empty());
}

TEST_F(SnapshotsTest, WhatAShardStillBringsForOneThatWasGivenUpIsInNoOther) {
  const uint32_t first = Begin();
  LeaveNoRoom();
  TakeAll(first, 1);
  AwaitEnd(first);
  MakeRoom();
  snapshots_->Put(3, "nobody takes any");
  const uint32_t second = Begin();
  // These shards have not noticed: the one is at a partition that it cut for the first, the other
  // cuts one for it.
  snapshots_->Put(3, "of another cut");
  snapshots_->TookAll(3, 1);
  snapshots_->TookCut(0, 0, first);
  snapshots_->Put(0, "of another cut");
  snapshots_->TookAll(0, 1);
  TakeAll(second);
  AwaitEnd(second);
  EXPECT_EQ(log_->snapshots().current().rows, kPartitions);
  EXPECT_EQ(log_->snapshots().current().keys, kPartitions);
}

TEST_F(SnapshotsTest, WithoutAReserveItTakesWhatItNeeds) {
  MakeRoom();
  const uint32_t number = Begin();
  TakeAll(number);
  AwaitEnd(number);
  EXPECT_EQ(snapshots_->complete(), number);
}

}  // namespace
}  // namespace holdfast
