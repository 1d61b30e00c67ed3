// The log of a node in a group: it stores what a primary sealed, keeps what it promised, and leads
// and follows in turns.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "storage/opening.h"
#include "tests/unit/storage/replica_log_test_support.h"

namespace holdfast {
namespace {

// ---- storing

TEST_F(ReplicaLogTest, AStartAsAFollowerOpensNoEpoch) {
  EXPECT_EQ(log_->LastPushed(), replayed_.last);
  EXPECT_EQ(log_->history().epoch, 1U);
  Follow(Options());
  EXPECT_EQ(log_->history().epoch, 1U);
}

TEST_F(ReplicaLogTest, WhatAPrimarySealedIsStoredByteForByte) {
  PushToPrimary({"a", "b", "c"});
  Ship();
  EXPECT_EQ(log_->LastPushed(), primary_->LastPushed());
  EXPECT_EQ(log_->epochs(), primary_->epochs());
  EXPECT_EQ(log_->history().epoch, 2U) << "the primary's";
  EXPECT_EQ(log_->Stats().records, 4U) << "its opening, and these";
  Follow(Options());
  EXPECT_EQ(heard_.texts, (Texts{"base", "a", "b", "c"}));
  EXPECT_EQ(replayed_.server_time, FromUnixMs(3000));
  EXPECT_EQ(log_->epochs(), primary_->epochs());
  EXPECT_EQ(BytesOf(RecordsBehind(*log_, 0)), BytesOf(RecordsBehind(*primary_, 0)));
}

TEST_F(ReplicaLogTest, WhatIsStoredBecomesDurableByItselfAndIsWitnessed) {
  log_.reset();
  log_ = Opened(Options());
  CountingWaker waker;
  log_->AddWaker(&waker);
  ASSERT_TRUE(log_->StartFollowing().ok());
  PushToPrimary({"a"});
  Ship();
  while (waker.wakes == 0) std::this_thread::yield();
  while (log_->Stats().witness_index != log_->Durable()) std::this_thread::yield();
  log_.reset();
}

TEST_F(ReplicaLogTest, OneSyncServesAllThatCameMeanwhile) {
  const auto disk = std::make_shared<FaultyDisk>();
  RocksLogOptions options = Options();
  options.file_system = disk;
  Follow(options);
  PushToPrimary({"a", "b", "c", "d", "e"});
  const Records records = RecordsBehind(*primary_, log_->LastPushed());
  ASSERT_EQ(records.size(), 6U);
  ASSERT_TRUE(log_->Store(records[0].bytes).ok());  // raises the epoch, with syncs of its own
  AwaitDurable(records[0].header.last());
  const uint64_t before = log_->Stats().syncs;
  disk->HoldSyncs();
  ASSERT_TRUE(log_->Store(records[1].bytes).ok());
  disk->AwaitHeldSync();
  for (size_t i = 2; i < records.size(); ++i) ASSERT_TRUE(log_->Store(records[i].bytes).ok());
  EXPECT_EQ(log_->Durable(), records[0].header.last());
  disk->ReleaseSyncs();
  AwaitDurable(records.back().header.last());
  EXPECT_EQ(log_->Stats().syncs - before, 2U);
  log_.reset();
}

TEST_F(ReplicaLogTest, AFollowerTakesNoBatchOfItsOwn) {
  const Index last = log_->LastPushed();
  EXPECT_EQ(Push("mine", true), kNeverDurable);
  EXPECT_EQ(log_->LastPushed(), last);
  Follow(Options());
  EXPECT_EQ(heard_.texts, Texts{"base"});
}

TEST_F(ReplicaLogTest, AnEpochThatDoesNotFitIsRefusedAndNothingIsStored) {
  const Index last = log_->LastPushed();
  const auto sealed = [&](const std::string& batch) {
    RecordBuilder record;
    record.Append({.mutations = batch});
    return std::make_shared<const std::string>(
        record.Seal({.history = log_->history().id, .epoch = 9, .first = last + 1, .acked = 0}));
  };
  EXPECT_EQ(log_->Store(sealed(Mutations("no opening"))).code(), Status::Code::kDamaged);
  for (const LogPlace& before : {LogPlace{1, last - 1}, LogPlace{3, last}}) {
    const std::string opening =
        EncodeOpening({.epoch = 9, .before = before, .group = GroupOfBoth()});
    EXPECT_EQ(log_->Store(sealed(opening)).code(), Status::Code::kDamaged);
  }
  EXPECT_EQ(log_->LastPushed(), last);
  const std::string opening =
      EncodeOpening({.epoch = 9, .before = {1, last}, .group = GroupOfBoth()});
  EXPECT_TRUE(log_->Store(sealed(opening)).ok());
  EXPECT_EQ(log_->epochs().group(), GroupOfBoth());
}

// ---- promises

TEST_F(ReplicaLogTest, APromiseIsThereAfterAReopen) {
  const Promise promise{.epoch = 77, .primary = primary_->node(), .leaving = true};
  ASSERT_TRUE(log_->KeepPromise(promise).ok());
  EXPECT_EQ(log_->promise(), promise);
  const NodeId node = log_->node();
  Follow(Options());
  EXPECT_EQ(log_->promise(), promise);
  EXPECT_EQ(log_->node(), node);
}

TEST_F(ReplicaLogTest, APromiseThatCannotBeWrittenIsNotGiven) {
  const Promise before = log_->promise();
  std::filesystem::create_directory(dir_ + "/node.new");
  EXPECT_EQ(log_->KeepPromise({.epoch = 77}).code(), Status::Code::kIo);
  EXPECT_EQ(log_->promise(), before);
}

// ---- leading and following in turns

TEST_F(ReplicaLogTest, WhoFollowedLeadsWithoutARestart) {
  PushToPrimary({"a"});
  Ship();
  const Index last = log_->LastPushed();
  Lead(5);
  EXPECT_EQ(opening(), last + 1);
  EXPECT_EQ(log_->history().epoch, 5U);
  const Index mine = Push("mine", true);
  EXPECT_EQ(mine, last + 2);
  AwaitDurable(mine);
  Follow(Options());
  EXPECT_EQ(heard_.texts, (Texts{"base", "a", "mine"}));
  EXPECT_EQ(log_->epochs().starts().back(),
            (EpochStart{.epoch = 5, .first = last + 1, .group = GroupOfBoth()}));
}

TEST_F(ReplicaLogTest, WhoLedFollowsAndLeadsAgainWithoutARestart) {
  const Index base = log_->LastPushed();
  Lead(5);
  Push("of no group", true);
  log_->Follow();
  EXPECT_EQ(Push("too late", true), kNeverDurable);
  ASSERT_TRUE(log_->CutTo(base).ok());
  EXPECT_EQ(log_->LastPushed(), base);
  EXPECT_EQ(log_->Durable(), base);
  PushToPrimary({"a"});
  Ship();
  Lead(6);
  AwaitDurable(Push("b", true));
  Follow(Options());
  EXPECT_EQ(heard_.texts, (Texts{"base", "a", "b"}));
  const Epochs epochs = log_->epochs();
  ASSERT_EQ(epochs.starts().size(), 3U);
  EXPECT_EQ(epochs.starts()[1].epoch, 2U);
  EXPECT_EQ(epochs.starts()[2].epoch, 6U);
}

TEST_F(ReplicaLogTest, APrimaryOpensANewEpochBetweenTheBatchesOfItsShards) {
  Lead(5);
  std::atomic<bool> stop{false};
  Texts pushed;
  std::thread shard([&] {
    for (int i = 0; !stop || i < 100; ++i) {
      pushed.push_back(std::to_string(i));
      EXPECT_NE(Push(pushed.back(), i % 10 == 0), kNeverDurable);
    }
  });
  for (Epoch epoch = 6; epoch < 12; ++epoch) Lead(epoch);
  stop = true;
  shard.join();
  ASSERT_TRUE(log_->Flush().ok());
  const Epochs epochs = log_->epochs();
  Follow(Options());
  pushed.insert(pushed.begin(), "base");
  EXPECT_EQ(heard_.texts, pushed);
  EXPECT_EQ(log_->epochs(), epochs);
  EXPECT_EQ(epochs.last(), 11U);
}

TEST_F(ReplicaLogTest, RecordsSayWhatTheGroupHasAcked) {
  Lead(5);
  AwaitDurable(Push("a", true));
  log_->NoteAcked(2);
  AwaitDurable(Push("b", true));
  log_->NoteAcked(1'000'000);
  AwaitDurable(Push("c", true));
  const Records records = RecordsBehind(*log_, opening());
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].header.acked, 1U) << "what was known at the start";
  EXPECT_EQ(records[1].header.acked, 2U);
  EXPECT_EQ(records[2].header.acked, records[2].header.first - 1);
  Follow(Options());
  EXPECT_EQ(replayed_.acked, records[2].header.acked);
}

}  // namespace
}  // namespace holdfast
