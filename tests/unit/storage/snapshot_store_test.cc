#include "storage/snapshot_store.h"

#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {
namespace {

using Names = std::vector<std::string>;

class SnapshotStoreTest : public SnapshotTest {
 protected:
  void PushSome(int count) {
    for (int i = 0; i < count; ++i) Push("batch", true);
    ASSERT_TRUE(log_->Flush().ok());
  }
};

TEST_F(SnapshotStoreTest, ANewDirectoryHasNone) {
  Load();
  EXPECT_EQ(mark_, SnapshotMark{});
  EXPECT_TRUE(rows_.empty());
  EXPECT_EQ(snapshots().removed_orphans(), 0U);
}

TEST_F(SnapshotStoreTest, AFinishedOneIsThereAfterAReopen) {
  Load();
  PushSome(3);
  const Index last = log_->Durable();
  const Rows rows = MakeRows("a", 1000);
  Take(rows, last - 1);
  const SnapshotMark mark = snapshots().current();
  Load();
  EXPECT_EQ(rows_, rows);
  EXPECT_EQ(mark_, mark);
  EXPECT_EQ(mark_.number, 1U);
  EXPECT_EQ(mark_.server_time, FromUnixMs(4711));
  EXPECT_EQ(mark_.rows, 1000U);
  EXPECT_EQ(mark_.keys, 3000U);
  EXPECT_GT(mark_.bytes, 100'000U);
  EXPECT_EQ(heard_.indexes, std::vector<Index>{last}) << "the log goes on behind the cuts";
}

TEST_F(SnapshotStoreTest, WhatTheCallerCountsInTheStoresPlaceDoesNotMatter) {
  Load();
  ASSERT_TRUE(snapshots().Begin().ok());
  ASSERT_TRUE(snapshots().Write(std::string(1, '\0') + "key", "value").ok());
  ASSERT_TRUE(snapshots().Finish({.number = 99, .rows = 99, .bytes = 99}).ok());
  Load();
  EXPECT_EQ(mark_.number, 1U);
  EXPECT_EQ(mark_.rows, 1U);
  EXPECT_LT(mark_.bytes, 99U);
}

TEST_F(SnapshotStoreTest, AnEmptyOneIsOneToo) {
  Load();
  PushSome(2);
  Take({}, log_->Durable());
  Load();
  EXPECT_EQ(mark_.number, 1U);
  EXPECT_EQ(mark_.rows, 0U);
  EXPECT_TRUE(heard_.indexes.empty());
}

TEST_F(SnapshotStoreTest, RowsMayBeEmptyOrLargerThanARun) {
  Load();
  Rows rows = MakeRows("a", 100);
  rows.emplace(std::string(1, '\5'), "");
  rows.emplace(std::string(1, '\5') + std::string(300, '\0'), "");
  rows.emplace(std::string(1, '\6') + "large", std::string(200 << 10, 'y'));
  rows.emplace(std::string(1, '\77') + std::string(10, '\377'), "the last of all");
  Take(rows, 0);
  Load();
  EXPECT_EQ(rows_, rows);
}

TEST_F(SnapshotStoreTest, PartitionsAreReadByManyThreadsAtOnce) {
  Load();
  const Rows rows = MakeRows("a", 5000);
  Take(rows, 0);
  log_.reset();
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(SnapshotOptions(), log).ok());
  std::array<Rows, 4> found;
  std::vector<std::thread> shards;
  for (size_t shard = 0; shard < found.size(); ++shard) {
    shards.emplace_back([&, shard] {
      for (size_t partition = shard; partition < kPartitions; partition += found.size()) {
        const auto take = [&](std::string_view key, std::string_view value) {
          found[shard].emplace(key, value);
          return Status::Ok();
        };
        EXPECT_TRUE(log->snapshots().ForEachRow(static_cast<Partition>(partition), take).ok());
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  Rows all;
  for (Rows& part : found) all.merge(part);
  EXPECT_EQ(all, rows);
}

TEST_F(SnapshotStoreTest, TheReadersErrorEndsTheReading) {
  Load();
  Take(MakeRows("a", 640), 0);
  log_.reset();
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(SnapshotOptions(), log).ok());
  int seen = 0;
  const auto refuse = [&](std::string_view, std::string_view) {
    return ++seen == 3 ? Status::Invalid("enough") : Status::Ok();
  };
  EXPECT_EQ(log->snapshots().ForEachRow(9, refuse).text(), "enough");
  EXPECT_EQ(seen, 3);
}

TEST_F(SnapshotStoreTest, EachReplacesTheOneBeforeAndItsBytesAreGone) {
  Load();
  PushSome(5);
  uint64_t after_first = 0;
  for (int i = 1; i <= 5; ++i) {
    Take(MakeRows("round " + std::to_string(i), 1000, 1000), static_cast<Index>(i));
    EXPECT_TRUE(StrayTables().empty());
    if (i == 1) after_first = DirectoryBytes();
    EXPECT_LT(DirectoryBytes(), after_first + (after_first / 4)) << "round " << i;
    if (i == 3) Load();
  }
  Take(MakeRows("small", 10), 5);
  EXPECT_LT(DirectoryBytes(), after_first / 4) << "bytes fall with what is in it";
  EXPECT_EQ(FamilyNames(), (Names{"default", "log-1", "snap-6"}));
  Load();
  EXPECT_EQ(rows_, MakeRows("small", 10));
  EXPECT_EQ(mark_.number, 6U);
}

// RocksDB would hold every writer up, the log's thread too, until it is written and synced.
TEST_F(SnapshotStoreTest, NoOptionsFileIsWrittenWhenFamiliesComeAndGo) {
  Load();
  Take(MakeRows("first", 10), 0);
  Take(MakeRows("second", 10), 0);
  EXPECT_EQ(FilesThatBegin("OPTIONS-"), std::vector<std::string>());
}

TEST_F(SnapshotStoreTest, BehindItTheLogCanGo) {
  RocksLogOptions options = SnapshotOptions();
  options.segment_bytes = 64 << 10;
  ASSERT_TRUE(TryLoad(options).ok());
  Index last = 0;
  while (log_->Stats().segments < 12) {
    last = Push(std::string(8 << 10, 'x'), true);
    AwaitDurable(last);
  }
  Take(MakeRows("a", 100), last - 1);
  log_->Trim(last);
  while (log_->Stats().segments > 3) std::this_thread::yield();
  log_.reset();
  ASSERT_TRUE(TryLoad(options).ok());
  EXPECT_EQ(heard_.indexes, std::vector<Index>{last});
  EXPECT_EQ(rows_, MakeRows("a", 100));
}

TEST_F(SnapshotStoreTest, AnAbandonedOneLeavesNothing) {
  Load();
  const Rows rows = MakeRows("a", 2000);
  Take(rows, 0);
  ASSERT_TRUE(snapshots().Begin().ok());
  for (const auto& [key, value] : MakeRows("b", 2000)) {
    ASSERT_TRUE(snapshots().Write(key, value).ok());
  }
  EXPECT_FALSE(StrayTables().empty());
  ASSERT_TRUE(snapshots().Abandon().ok());
  EXPECT_TRUE(StrayTables().empty());
  EXPECT_EQ(FamilyNames(), (Names{"default", "log-1", "snap-1"}));
  Load();
  EXPECT_EQ(snapshots().removed_orphans(), 0U);
  EXPECT_EQ(rows_, rows);
  Take(MakeRows("c", 10), 0);
  Load();
  EXPECT_EQ(rows_, MakeRows("c", 10));
}

TEST_F(SnapshotStoreTest, AnUnfinishedOneIsGoneAfterTheNextStart) {
  Load();
  const Rows rows = MakeRows("a", 2000);
  Take(rows, 0);
  ASSERT_TRUE(snapshots().Begin().ok());
  for (const auto& [key, value] : MakeRows("b", 2000)) {
    ASSERT_TRUE(snapshots().Write(key, value).ok());
  }
  log_.reset();
  EXPECT_FALSE(StrayTables().empty());
  Load();
  EXPECT_EQ(rows_, rows);
  EXPECT_EQ(snapshots().removed_orphans(), 1U);
  EXPECT_TRUE(StrayTables().empty());
  EXPECT_EQ(FamilyNames(), (Names{"default", "log-1", "snap-1"}));
  Load();
  EXPECT_EQ(snapshots().removed_orphans(), 0U);
}

// While the disk holds back the log, a snapshot goes on, and the log beside a snapshot's sync too:
// neither stands in the other's queue.
TEST_F(SnapshotStoreTest, NeitherTheLogNorTheSnapshotWaitsForTheOther) {
  const auto disk = std::make_shared<FaultyDisk>();
  RocksLogOptions options = SnapshotOptions();
  options.file_system = disk;
  ASSERT_TRUE(TryLoad(options).ok());
  ASSERT_TRUE(snapshots().Begin().ok());
  const Rows rows = MakeRows("a", 5000);
  auto next = rows.begin();
  const auto write = [&](size_t count) {
    for (size_t i = 0; i < count; ++i, ++next) {
      ASSERT_TRUE(snapshots().Write(next->first, next->second).ok());
    }
  };
  disk->HoldSyncs(".log");
  Push("a", true);
  disk->AwaitHeldSync();
  write(2500);
  EXPECT_EQ(log_->Durable(), opening()) << "its sync has not returned";
  disk->ReleaseSyncs();
  AwaitDurable(opening() + 1);

  disk->HoldSyncs(".sst");
  std::thread writer([&] { write(2500); });
  disk->AwaitHeldSync();
  AwaitDurable(Push("b", true));
  disk->ReleaseSyncs();
  writer.join();
  ASSERT_TRUE(snapshots().Finish({}).ok());
  Load();
  EXPECT_EQ(rows_, rows);
}

TEST_F(SnapshotStoreTest, BesideAWritingLogNothingStalls) {
  ASSERT_TRUE(TryLoad(Options()).ok());  // runs as large as they are
  std::atomic<bool> stop{false};
  std::thread shard([&] {
    while (!stop) AwaitDurable(Push(std::string(1 << 10, 'x'), true));
  });
  ASSERT_TRUE(snapshots().Begin().ok());
  const std::string value(100 << 10, 'v');
  for (size_t i = 0; i < 2000; ++i) {
    std::string key(1, static_cast<char>(i % kPartitions));
    key += std::to_string(i);
    ASSERT_TRUE(snapshots().Write(key, value).ok());
  }
  const Index before = log_->Durable();
  AwaitDurable(before + 1);
  ASSERT_TRUE(snapshots().Finish({}).ok());
  stop = true;
  shard.join();
  EXPECT_EQ(log_->Stats().write_stalls, 0U);
  EXPECT_EQ(snapshots().current().rows, 2000U);
  EXPECT_TRUE(Fatal().empty());
}

}  // namespace
}  // namespace holdfast
