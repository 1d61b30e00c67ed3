// The end of a log is cut off where it parts from the primary's.
#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "storage/opening.h"
#include "storage/witness.h"
#include "tests/unit/storage/database_crash_disk.h"
#include "tests/unit/storage/replica_log_test_support.h"

namespace holdfast {
namespace {

class LogCutTest : public ReplicaLogTest {
 protected:
  void SetUp() override {
    ReplicaLogTest::SetUp();
    base_ = log_->LastPushed();
  }
  WitnessSlots Slots() const {
    WitnessSlots slots;
    EXPECT_TRUE(ReadWitness(dir_ + "/witness", slots).ok());
    return slots;
  }
  // An epoch of its own with so many segments behind the base; then it follows.
  void LeaveTail(const RocksLogOptions& options, uint64_t segments) {
    Follow(options);
    Lead(5);
    // More than are deleted at once.
    for (int i = 0; i < 150; ++i) AwaitDurable(Push(std::to_string(i), true));
    while (log_->Stats().segments < segments) AwaitDurable(Push(std::string(2 << 10, 'x'), true));
    log_->Follow();
  }
  RocksLogOptions SmallSegments() {
    RocksLogOptions options = Options();
    options.segment_bytes = 8 << 10;
    return options;
  }

  Index base_ = 0;
};

TEST_F(LogCutTest, WhatLiesBehindIsGoneAndTheLogGoesOnFromThere) {
  LeaveTail(SmallSegments(), 6);
  const Index last = log_->LastPushed();
  const Index middle = base_ + (last - base_) / 2;
  for (const Index to : {last, last - 1, middle, base_ + 1, base_}) {
    ASSERT_TRUE(log_->CutTo(to).ok());
    EXPECT_EQ(log_->LastPushed(), to);
    EXPECT_EQ(log_->Durable(), to);
    EXPECT_EQ(RecordsBehind(*log_, 0).back().header.last(), to);
    for (const auto& slot : Slots()) {
      ASSERT_TRUE(slot.has_value());
      EXPECT_LE(slot->mark.index, to) << "neither slot claims what is gone";
    }
    Follow(SmallSegments());
    EXPECT_EQ(replayed_.last, to);
    EXPECT_EQ(log_->epochs().last(), to > base_ ? 5U : 1U);
  }
  EXPECT_LE(log_->Stats().segments, 2U);
  PushToPrimary({"a", "b"});
  Ship();
  Follow(SmallSegments());
  EXPECT_EQ(heard_.texts, (Texts{"base", "a", "b"}));
  EXPECT_EQ(log_->epochs(), primary_->epochs());
}

TEST_F(LogCutTest, ALogThatWasCutFillsNewSegments) {
  LeaveTail(SmallSegments(), 5);
  ASSERT_TRUE(log_->CutTo(base_ + 3).ok());
  Lead(6);
  while (log_->Stats().segments < 6) AwaitDurable(Push(std::string(2 << 10, 'y'), true));
  const Index last = log_->Durable();
  Follow(SmallSegments());
  EXPECT_EQ(replayed_.last, last);
  EXPECT_EQ(log_->epochs().At(base_ + 3), 5U);
  EXPECT_EQ(log_->epochs().At(base_ + 4), 6U);
}

TEST_F(LogCutTest, OnlyWhereARecordEndsAndBehindTheSnapshot) {
  LeaveTail(Options(), 0);
  log_->CutTo(base_).ok();
  // Three batches in one record, as a primary sealed them.
  RecordBuilder opening;
  const std::string batch =
      EncodeOpening({.epoch = 8, .before = {1, base_}, .group = GroupOfBoth()});
  opening.Append({.mutations = batch});
  RecordBuilder three;
  for (const char* text : {"a", "b", "c"}) three.Append({.mutations = Mutations(text)});
  const HistoryId history = log_->history().id;
  for (const auto& [builder, first] :
       {std::pair(&opening, base_ + 1), std::pair(&three, base_ + 2)}) {
    ASSERT_TRUE(log_->Store(std::make_shared<const std::string>(builder->Seal(
                                {.history = history, .epoch = 8, .first = first, .acked = 0})))
                    .ok());
  }
  for (const Index inside : {base_ + 2, base_ + 3}) {
    EXPECT_EQ(log_->CutTo(inside).code(), Status::Code::kInvalid);
  }
  EXPECT_EQ(log_->CutTo(0).code(), Status::Code::kInvalid) << "nothing would be left";
  Take(MakeRows("taken", 10), base_ + 1);
  EXPECT_EQ(log_->CutTo(base_).code(), Status::Code::kInvalid) << "the snapshot needs it";
  EXPECT_EQ(log_->LastPushed(), base_ + 4);
  EXPECT_TRUE(log_->CutTo(base_ + 1).ok());
  EXPECT_TRUE(Fatal().empty());
}

// Also where the last batch that the snapshot has is the last of its segment.
TEST_F(LogCutTest, ATrimLeavesABatchToEndWith) {
  Follow(SmallSegments());
  Lead(5);
  Index last = 0;
  for (uint64_t segments = 2; segments <= 3; ++segments) {
    last = Push(std::string(10 << 10, 'x'), true);  // fills a segment
    while (log_->Stats().segments < segments) std::this_thread::yield();
  }
  AwaitDurable(Push("in the third", true));
  Take(MakeRows("taken", 10), last);
  log_->Trim(last + 1);
  while (log_->Stats().segments > 2) std::this_thread::yield();
  // Each wakes the housekeeper, who would drop one more if it might.
  for (int i = 0; i < 20; ++i) AwaitDurable(Push("more", true));
  log_->Follow();
  ASSERT_TRUE(log_->CutTo(last).ok());
  log_cuts_.fill(last);
  Follow(SmallSegments());
  EXPECT_EQ(replayed_.last, last);
}

TEST_F(LogCutTest, TheHousekeeperAndACutDoNotMeet) {
  for (int round = 0; round < 5; ++round) {
    LeaveTail(SmallSegments(), 4);
    // Segments are being made, flushed and dropped.
    log_->Trim(base_);
    ASSERT_TRUE(log_->CutTo(base_ + 2).ok());
    ASSERT_TRUE(log_->CutTo(base_).ok());
    ASSERT_TRUE(Fatal().empty());
  }
  Follow(SmallSegments());
  EXPECT_EQ(heard_.texts, Texts{"base"});
}

// At whichever step a crash comes: the log ends where it was cut, or behind, with nothing missing.
TEST_F(LogCutTest, ACrashAtAnyStepLeavesALogThatStarts) {
  const auto disk = std::make_shared<CrashDisk>();
  RocksLogOptions options = SmallSegments();
  LeaveTail(options, 5);
  const Index last = log_->LastPushed();
  options.file_system = disk;
  Follow(options);
  disk->Watch(dir_ + "/db");
  ASSERT_TRUE(log_->CutTo(base_ + 1).ok());
  const size_t during = disk->moments().size();
  log_.reset();
  const std::string witness = ReadFile(dir_ + "/witness");  // it was lowered first
  const std::string node = ReadFile(dir_ + "/node");
  ASSERT_GT(during, 5U);
  std::set<Index> ends;
  for (const auto left : {&CrashDisk::Moment::after_kill, &CrashDisk::Moment::after_power_loss}) {
    const Files* before = nullptr;
    const auto moments = disk->moments();
    for (const CrashDisk::Moment& moment : moments) {
      const Files& files = moment.*left;
      if (before != nullptr && files == *before) continue;
      before = &files;
      log_.reset();
      std::filesystem::remove_all(dir_);
      std::filesystem::create_directories(dir_ + "/db");
      for (const auto& [name, bytes] : files) WriteFile(dir_ + "/db/" + name, bytes);
      WriteFile(dir_ + "/witness", witness);
      WriteFile(dir_ + "/node", node);
      ASSERT_NO_FATAL_FAILURE(Follow(SmallSegments()));
      ends.insert(replayed_.last);
      EXPECT_GE(replayed_.last, base_ + 1);
      ASSERT_TRUE(log_->CutTo(base_).ok()) << "and the cut can be made again";
    }
  }
  EXPECT_EQ(*ends.begin(), base_ + 1);
  EXPECT_EQ(*ends.rbegin(), last);
  EXPECT_GT(ends.size(), 3U);
}

// The k-th call to the disk fails, for every k: the process is told to stop, and a start is sound.
TEST_F(LogCutTest, WhicheverCallFailsTheProcessIsStoppedAndAStartIsSound) {
  LeaveTail(SmallSegments(), 5);
  log_.reset();
  const std::string image = temp_ / "image";
  std::filesystem::copy(dir_, image, std::filesystem::copy_options::recursive);
  int failed = 0;
  for (const auto call : {CrashDisk::Call::kAppend, CrashDisk::Call::kSync}) {
    for (uint64_t k = 1;; ++k) {
      SCOPED_TRACE(k);
      log_.reset();
      std::filesystem::remove_all(dir_);
      std::filesystem::copy(image, dir_, std::filesystem::copy_options::recursive);
      const auto disk = std::make_shared<CrashDisk>();
      RocksLogOptions options = SmallSegments();
      options.file_system = disk;
      std::atomic<int> fatal{0};
      options.fatal = [&](const Status&) { ++fatal; };
      Follow(options);
      disk->Plan(dir_ + "/db", {.call = call, .in = k});
      const bool cut = log_->CutTo(base_ + 1).ok();
      log_.reset();
      // What the housekeeper does at the same time may meet it as well, and the cut then be whole.
      const bool met = disk->FaultMet();
      EXPECT_LE(fatal, met ? 1 : 0);
      EXPECT_TRUE(cut || fatal == 1);
      ASSERT_NO_FATAL_FAILURE(Follow(SmallSegments()));
      EXPECT_GE(replayed_.last, base_ + 1);
      EXPECT_TRUE(!cut || replayed_.last == base_ + 1);
      if (!met) break;
      ++failed;
    }
  }
  EXPECT_GT(failed, 6);
}

}  // namespace
}  // namespace holdfast
