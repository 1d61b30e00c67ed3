#include "storage/rocks_log.h"

#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/rocks_log_test_support.h"

namespace holdfast {
namespace {

TEST_F(RocksLogTest, ANewDirectoryIsEmptyAndHasAnIdentity) {
  Start();
  EXPECT_EQ(replayed_.last, 0U);
  EXPECT_EQ(replayed_.server_time, kNever);
  EXPECT_NE(log_->history().id, HistoryId{});
  EXPECT_NE(log_->node(), NodeId{});
}

TEST_F(RocksLogTest, WhatWasPushedIsThereAfterAReopen) {
  Start();
  const History history = log_->history();
  const Index a = opening() + 1;
  EXPECT_EQ(Push("a", true), a);
  EXPECT_EQ(Push("b"), a + 1);
  EXPECT_EQ(Push("c", true), a + 2);
  ASSERT_TRUE(log_->Flush().ok());
  EXPECT_EQ(log_->Durable(), a + 2);
  Restart();
  EXPECT_EQ(heard_.texts, (Texts{"a", "b", "c"}));
  EXPECT_EQ(heard_.indexes, (std::vector<Index>{a, a + 1, a + 2}));
  EXPECT_EQ(log_->history().id, history.id);
  EXPECT_EQ(log_->history().hash_seed.value, history.hash_seed.value);
  EXPECT_EQ(log_->history().epoch, history.epoch + 1) << "each start opens an epoch";
  EXPECT_EQ(opening(), a + 3);
  EXPECT_EQ(Push("d", true), opening() + 1);
  ASSERT_TRUE(log_->Flush().ok());
  Restart();
  EXPECT_EQ(heard_.texts, (Texts{"a", "b", "c", "d"}));
}

// In many segments, some of them in several tables, the last rows only in the write-ahead file.
TEST_F(RocksLogTest, TellsBeforeAReplayHowMuchThereIsToRead) {
  RocksLogOptions options = Options();
  options.segment_bytes = 20'000;
  ASSERT_TRUE(TryStart(options).ok());
  EXPECT_EQ(log_->BytesToReplay(), 0U);
  const uint64_t bytes_of_opening = log_->Stats().bytes;
  for (int i = 0; i < 200; ++i) {
    Push(std::string(1000, 'x'), true);
    ASSERT_TRUE(log_->Flush().ok());
  }
  const uint64_t bytes = log_->Stats().bytes;
  const uint64_t bytes_of_pushed = bytes - bytes_of_opening;
  ASSERT_GT(log_->Stats().segments, 2U);
  log_.reset();
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(options, log).ok());
  EXPECT_EQ(log->BytesToReplay(), bytes);
  EXPECT_EQ(log->BytesReplayed(), 0U);
  int heard = 0;
  const ReplayFn half = [&](Index, std::string_view) {
    return ++heard <= 100 ? Status::Ok() : Status::Invalid("enough");
  };
  ASSERT_FALSE(log->Replay({}, half, replayed_).ok());
  EXPECT_EQ(log->BytesReplayed(), bytes_of_opening + bytes_of_pushed / 2);
}

TEST_F(RocksLogTest, AGatedBatchBecomesDurableByItselfAndWakesTheShards) {
  RocksLogOptions options = Options();
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(options, log).ok());
  ASSERT_TRUE(log->Replay({}, heard_.Listener(), replayed_).ok());
  CountingWaker waker;
  log->AddWaker(&waker);
  ASSERT_TRUE(log->Start(kNever).ok());
  log_ = std::move(log);
  const int wakes_before = waker.wakes;
  AwaitDurable(Push("a", true));
  while (waker.wakes == wakes_before) std::this_thread::yield();
  log_.reset();
}

TEST_F(RocksLogTest, ABatchThatNobodyWaitsForIsSyncedWithinASecondOrWhenAsked) {
  Start();
  AwaitDurable(Push("a"));
  RocksLogOptions never = Options();
  never.ordinary_sync = SyncPolicy::kNo;
  log_.reset();
  ASSERT_TRUE(TryStart(never).ok());
  const Index b = Push("b");
  log_->RequestSync(b);
  AwaitDurable(b);
  const Index c = Push("c");
  log_->SetSyncPolicies(SyncPolicy::kAlways, SyncPolicy::kEverySecond);
  AwaitDurable(c);
}

TEST_F(RocksLogTest, OneSyncServesAllThatQueuedUpDuringTheLast) {
  const auto disk = std::make_shared<FaultyDisk>();
  RocksLogOptions options = Options();
  options.file_system = disk;
  ASSERT_TRUE(TryStart(options).ok());
  const LogStats before = log_->Stats();
  disk->HoldSyncs();
  Push("first", true);
  disk->AwaitHeldSync();
  std::vector<std::thread> shards;
  for (int shard = 0; shard < 3; ++shard) {
    shards.emplace_back([this] {
      for (int i = 0; i < 10; ++i) Push("later", true);
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(log_->Durable(), opening()) << "the sync has not returned";
  const uint64_t each = kBatchHeaderBytes + Mutations("later").size();
  EXPECT_GE(log_->Stats().queue_bytes, 30 * each) << "they queue behind it";
  disk->ReleaseSyncs();
  AwaitDurable(opening() + 31);
  const LogStats stats = log_->Stats();
  EXPECT_EQ(stats.syncs - before.syncs, 2U);
  EXPECT_EQ(stats.records - before.records, 2U);
  EXPECT_EQ(stats.batches - before.batches, 31U);
  log_.reset();
}

TEST_F(RocksLogTest, ThreeThreadsFindTheirBatchesInPushOrder) {
  Start();
  const Index first = opening() + 1;
  constexpr size_t kBatches = 300;
  std::array<std::vector<Index>, 3> indexes;
  std::vector<std::thread> shards;
  for (size_t shard = 0; shard < 3; ++shard) {
    shards.emplace_back([&, shard] {
      for (size_t i = 0; i < kBatches; ++i) {
        indexes[shard].push_back(
            Push(std::to_string(shard) + ":" + std::to_string(i), i % 50 == 0));
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  ASSERT_TRUE(log_->Flush().ok());
  Restart();
  ASSERT_EQ(heard_.texts.size(), 3 * kBatches);
  for (size_t shard = 0; shard < 3; ++shard) {
    for (size_t i = 0; i < kBatches; ++i) {
      EXPECT_EQ(heard_.texts[indexes[shard][i] - first],
                std::to_string(shard) + ":" + std::to_string(i));
    }
  }
}

TEST_F(RocksLogTest, ManySegmentsReadAsOneLogAndDropFromTheFrontWithoutAStall) {
  RocksLogOptions options = Options();
  options.segment_bytes = 64 << 10;
  ASSERT_TRUE(TryStart(options).ok());
  const std::string text(8 << 10, 'x');
  Index last = 0;
  // Until there are many segments: how fast the housekeeper makes them is its own matter.
  while (log_->Stats().segments < 12) {
    last = Push(text, true);
    AwaitDurable(last);
  }
  ASSERT_TRUE(log_->Flush().ok());
  log_.reset();
  ASSERT_TRUE(TryStart(options).ok());
  EXPECT_EQ(heard_.texts.size(), last - 1) << "all but the opening";
  EXPECT_GE(log_->Stats().segments, 12U);

  const uint64_t bytes_before = log_->Stats().disk_bytes;
  log_->Trim(last - 4);
  while (log_->Stats().segments > 3) std::this_thread::yield();
  // The batches that are needed are still there, the others gone from the disk.
  while (log_->Stats().disk_bytes > bytes_before / 2) std::this_thread::yield();
  EXPECT_EQ(log_->Stats().write_stalls, 0U);
  log_.reset();
  EXPECT_EQ(TryStart(options).code(), Status::Code::kDamaged) << "no snapshot has what was dropped";
  Cuts cuts;
  cuts.fill(last - 5);
  ASSERT_TRUE(TryStart(options, cuts).ok());
  EXPECT_EQ(heard_.indexes.size(), 5U);
  EXPECT_EQ(heard_.indexes.front(), last - 4);
  EXPECT_GT(replayed_.first, 1U);
}

TEST_F(RocksLogTest, TrimKeepsTheSegmentThatHoldsTheIndex) {
  RocksLogOptions options = Options();
  options.segment_bytes = 16 << 10;
  ASSERT_TRUE(TryStart(options).ok());
  while (log_->Stats().segments < 4) AwaitDurable(Push(std::string(4 << 10, 'x'), true));
  log_->Trim(1);
  log_->Trim(0);
  ASSERT_TRUE(log_->Flush().ok());
  EXPECT_GE(log_->Stats().segments, 4U);
  log_.reset();
  ASSERT_TRUE(TryStart(options).ok());
  EXPECT_EQ(replayed_.first, 1U);
}

TEST_F(RocksLogTest, ABatchLargerThanARecordGetsOneOfItsOwn) {
  Start();
  Push("small");
  Push(std::string(3 << 20, 'x'));
  Push("small again", true);
  ASSERT_TRUE(log_->Flush().ok());
  Restart();
  ASSERT_EQ(heard_.texts.size(), 3U);
  EXPECT_EQ(heard_.texts[1].size(), size_t{3} << 20);
  EXPECT_EQ(heard_.texts[2], "small again");
}

TEST_F(RocksLogTest, TheClockIsAnchoredByTheLaterOfRecordAndWitness) {
  Start();
  Push("a", true);  // at 1000
  ASSERT_TRUE(log_->Flush().ok());
  Restart();
  EXPECT_EQ(replayed_.server_time, FromUnixMs(1000));
  log_->NoteTime(FromUnixMs(9000));
  ASSERT_TRUE(log_->Flush().ok());
  Restart();
  EXPECT_EQ(replayed_.server_time, FromUnixMs(9000));
}

TEST_F(RocksLogTest, TheWitnessFollowsTheDurableIndexByItself) {
  Start();
  const Index a = Push("a", true);
  AwaitDurable(a);
  while (log_->Stats().witness_index != a) std::this_thread::yield();
}

TEST_F(RocksLogTest, FiguresCountWhatHappened) {
  Start();
  const LogStats before = log_->Stats();
  EXPECT_EQ(before.batches, 1U) << "the opening";
  const Index a = Push("a", true);
  ASSERT_TRUE(log_->Flush().ok());
  const LogStats after = log_->Stats();
  EXPECT_EQ(after.records - before.records, 1U);
  EXPECT_EQ(after.batches - before.batches, 1U);
  EXPECT_EQ(after.bytes - before.bytes,
            kRecordHeaderBytes + kBatchHeaderBytes + Mutations("a").size());
  EXPECT_GE(after.syncs, before.syncs + 1);
  EXPECT_GT(after.sync_last_us, 0U);
  uint64_t in_histogram = 0;
  for (const uint64_t count : after.sync_histogram) in_histogram += count;
  EXPECT_EQ(in_histogram, after.syncs);
  EXPECT_EQ(after.queue_bytes, 0U);
  EXPECT_EQ(after.last_index, a);
  EXPECT_EQ(after.durable_index, a);
  EXPECT_EQ(after.witness_index, a);
  EXPECT_EQ(after.segments, 1U);
  EXPECT_GT(after.disk_bytes, 0U);
  EXPECT_GT(after.disk_free_bytes, 0U);
}

TEST_F(RocksLogTest, EachSyncIsToldOf) {
  std::atomic<uint64_t> told{0};
  RocksLogOptions options = Options();
  options.on_sync = [&told](std::chrono::microseconds) { ++told; };
  ASSERT_TRUE(TryStart(options).ok());
  const uint64_t by_the_start = told;
  EXPECT_GE(by_the_start, 1U);
  AwaitDurable(Push("a", true));
  AwaitDurable(Push("b", true));
  log_.reset();
  EXPECT_EQ(told - by_the_start, 2U);
}

TEST_F(RocksLogTest, AStallIsCountedWhenTablesCannotBeWrittenFastEnough) {
  const auto disk = std::make_shared<FaultyDisk>();
  RocksLogOptions options = Options();
  options.file_system = disk;
  options.memtable_bytes = 64 << 10;
  ASSERT_TRUE(TryStart(options).ok());
  EXPECT_EQ(log_->Stats().write_stalls, 0U);
  disk->HoldSyncs(".sst");
  while (log_->Stats().write_stalls == 0) {
    if (!log_->Congested()) Push(std::string(16 << 10, 'x'), true);
    std::this_thread::yield();
  }
  disk->ReleaseSyncs();
  ASSERT_TRUE(log_->Flush().ok());
  log_.reset();
}

TEST_F(RocksLogTest, LowOnDiskFollowsTheReserve) {
  Start();
  EXPECT_FALSE(log_->LowOnDisk());
  log_->SetDiskReserve(~uint64_t{0} / 2);
  while (!log_->LowOnDisk()) std::this_thread::yield();
  EXPECT_TRUE(log_->Stats().low_on_disk);
  log_->SetDiskReserve(1);
  while (log_->LowOnDisk()) std::this_thread::yield();
}

TEST_F(RocksLogTest, ASecondServerOnTheDirectoryIsTurnedAway) {
  Start();
  std::unique_ptr<RocksLog> second;
  const Status status = RocksLog::Open(Options(), second);
  EXPECT_EQ(status.code(), Status::Code::kBusy);
  EXPECT_NE(status.text().find(dir_), std::string::npos);
  AwaitDurable(Push("a", true));
  Restart();
  EXPECT_EQ(heard_.texts, Texts{"a"});
}

TEST_F(RocksLogTest, AForeignDirectoryIsLeftAsItIs) {
  std::filesystem::create_directory(dir_);
  WriteFile(dir_ + "/dump.rdb", "REDIS0010");
  const Status status = TryStart();
  EXPECT_EQ(status.code(), Status::Code::kInvalid);
  EXPECT_NE(status.text().find("dump.rdb"), std::string::npos) << status.text();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 1);
}

TEST_F(RocksLogTest, WhatIsNoDirectoryIsRefused) {
  WriteFile(dir_, "a file");
  EXPECT_EQ(TryStart().code(), Status::Code::kInvalid);
  dir_ = temp_ / "no/such/parent";
  EXPECT_EQ(TryStart().code(), Status::Code::kInvalid);
}

TEST_F(RocksLogTest, WithoutPersistenceADirectoryWithALogIsRefused) {
  EXPECT_TRUE(RefuseDirectoryWithLog(dir_).ok());
  std::filesystem::create_directory(dir_);
  EXPECT_TRUE(RefuseDirectoryWithLog(dir_).ok());
  Start();
  EXPECT_EQ(RefuseDirectoryWithLog(dir_).code(), Status::Code::kInvalid);
}

}  // namespace
}  // namespace holdfast
