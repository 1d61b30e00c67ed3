// The log is read while it is written: whole, in order, beside the syncs.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/replica_log_test_support.h"

namespace holdfast {
namespace {

class LogReaderTest : public ReplicaLogTest {
 protected:
  void SetUp() override {
    ReplicaLogTest::SetUp();
    options_.segment_bytes = 16 << 10;
  }
  // Until there are so many segments. A record a batch.
  void Fill(uint64_t segments) {
    while (log_->Stats().segments < segments) AwaitDurable(Push(std::string(4 << 10, 'x'), true));
  }
  void LeadWith(const RocksLogOptions& options) {
    Follow(options);
    Lead(log_->history().epoch + 1);
  }
  static void ExpectContiguous(const Records& records, Index after, Index last) {
    for (const SealedRecord& record : records) {
      ASSERT_EQ(record.header.first, after + 1);
      RecordView view;
      ASSERT_TRUE(DecodeRecord(*record.bytes, view).ok());
      ASSERT_EQ(view.header.first, record.header.first);
      ASSERT_EQ(view.header.epoch, record.header.epoch);
      after = record.header.last();
    }
    EXPECT_EQ(after, last);
  }

  RocksLogOptions options_ = Options();
  CountingWaker waker_;
};

TEST_F(LogReaderTest, ReadsTheWholeLogAndThenWhatComes) {
  LeadWith(options_);
  Fill(4);
  const auto reader = log_->ReadBehind(0, &waker_);
  Records records;
  for (size_t before = 0;; before = records.size()) {
    ASSERT_TRUE(reader->Read(10'000, records).ok());
    if (records.size() == before) break;
    uint64_t bytes = 0;
    for (size_t i = before; i + 1 < records.size(); ++i) bytes += records[i].bytes->size();
    EXPECT_LT(bytes, 10'000U) << "it ends with the record that reaches the bound";
  }
  ExpectContiguous(records, 0, log_->LastPushed());
  for (int i = 0; i < 100; ++i) {
    const int wakes = waker_.wakes;
    const Index index = Push("live", true);
    while (waker_.wakes == wakes) std::this_thread::yield();
    ASSERT_TRUE(reader->Read(kEverything, records).ok());
    EXPECT_EQ(reader->place(), index);
  }
  ExpectContiguous(records, 0, log_->LastPushed());
  reader->SeekBehind(1);
  records.clear();
  ASSERT_TRUE(reader->Read(1, records).ok());
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].header.first, 2U);
}

TEST_F(LogReaderTest, ReadsBesideTheLocalSyncNotBehindIt) {
  const auto disk = std::make_shared<FaultyDisk>();
  options_.file_system = disk;
  LeadWith(options_);
  const Index before = log_->Durable();
  const auto reader = log_->ReadBehind(before, &waker_);
  disk->HoldSyncs();
  const Index index = Push("a", true);
  disk->AwaitHeldSync();
  Records records;
  ASSERT_TRUE(reader->Read(kEverything, records).ok());
  EXPECT_EQ(reader->place(), index);
  EXPECT_EQ(log_->Durable(), before) << "its sync has not returned";
  disk->ReleaseSyncs();
  AwaitDurable(index);
}

// It attaches while others write: what was not kept in memory yet comes from the database.
TEST_F(LogReaderTest, MissesNothingHoweverItComesAndGoes) {
  LeadWith(options_);
  std::atomic<bool> stop{false};
  std::thread shard([&] {
    while (!stop) Push(std::string(1000, 'x'), false);
  });
  Index place = 0;
  Records records;
  while (place < 3000) {
    const auto reader = log_->ReadBehind(place, &waker_);
    for (int reads = 0; reads < 3; ++reads) ASSERT_TRUE(reader->Read(50'000, records).ok());
    place = reader->place();
  }
  stop = true;
  shard.join();
  ExpectContiguous(records, 0, place);
}

TEST_F(LogReaderTest, NoRecordBeginsInTheMidstOfOne) {
  LeadWith(options_);
  // Two batches in one record.
  const auto reader = log_->ReadBehind(log_->LastPushed(), &waker_);
  Push("one");
  const Index two = Push("two", true);
  AwaitDurable(two);
  const Records all = RecordsBehind(*log_, 0);
  const SealedRecord& last = all.back();
  if (last.header.count == 2) {
    Records records;
    reader->SeekBehind(two - 1);
    EXPECT_EQ(reader->Read(kEverything, records).code(), Status::Code::kInvalid);
  }
  Records records;
  reader->SeekBehind(two);
  ASSERT_TRUE(reader->Read(kEverything, records).ok());
  EXPECT_TRUE(records.empty());
}

TEST_F(LogReaderTest, WhatItStillNeedsIsKeptUpToABound) {
  options_.pinned_bytes_max = 200 << 10;
  LeadWith(options_);
  auto reader = log_->ReadBehind(0, &waker_);
  Fill(4);
  log_->Trim(log_->Durable());
  Fill(6);
  Records records;
  ASSERT_TRUE(reader->Read(1, records).ok());
  EXPECT_EQ(records[0].header.first, 1U) << "kept, though trimmed";
  reader->SeekBehind(0);
  while (log_->Stats().segments < 30) {
    Fill(log_->Stats().segments + 1);
    log_->Trim(log_->Durable());
    records.clear();
    if (!reader->Read(1, records).ok()) break;
    reader->SeekBehind(0);
  }
  EXPECT_LT(log_->Stats().segments, 30U) << "not without end";
  records.clear();
  const Status gone = reader->Read(1, records);
  EXPECT_EQ(gone.code(), Status::Code::kNotFound) << gone.text();
  EXPECT_TRUE(records.empty());
}

TEST_F(LogReaderTest, WhatItHasReadGoesOnceItSaysSo) {
  LeadWith(options_);
  const auto reader = log_->ReadBehind(0, &waker_);
  Fill(5);
  log_->Trim(log_->Durable());
  Fill(6);
  EXPECT_GE(log_->Stats().segments, 6U);
  reader->KeepBehind(log_->Durable());
  while (log_->Stats().segments > 3) std::this_thread::yield();
}

}  // namespace
}  // namespace holdfast
