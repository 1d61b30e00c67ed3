// A node whose group has not acked all that its disk holds loads what is acked, at a start and
// while it runs.
#include <gtest/gtest.h>

#include "tests/unit/storage/state_test_support.h"

namespace holdfast {
namespace {

class LogReloadTest : public StateTest {
 protected:
  // Batches of two epochs, the first cut in the midst of a record.
  void SetUp() override {
    StateTest::SetUp();
    StoreRecord({"a", "b", "c", "d"});
    cuts_ = CutsAt(log_->LastPushed() - 2, log_->LastPushed() + 1);
    StoreRecord({"e", "f", "g"});
    StoreOpening(6);
    last_ = StoreRecord({"h", "i", "j"});
    TakeAt(*log_, rows_, cuts_);
  }
  // What a start hands over up to there.
  Heard AtAStart(Index up_to) {
    log_.reset();
    std::unique_ptr<RocksLog> log;
    EXPECT_TRUE(RocksLog::Open(Options(), log).ok());
    Heard heard;
    replayed_ = {};
    const Status status = log->Replay(cuts_, up_to, heard.Listener(), replayed_);
    EXPECT_TRUE(status.ok()) << status.text();
    EXPECT_TRUE(log->StartFollowing().ok());
    log_ = std::move(log);
    return heard;
  }
  Heard Again(Index up_to) {
    Heard heard;
    const Status status = log_->ReplayAgain(cuts_, up_to, heard.Listener());
    EXPECT_TRUE(status.ok()) << status.text();
    return heard;
  }

  const Rows rows_ = MakeRows("row", 100);
  Cuts cuts_{};
  Index last_ = 0;
};

TEST_F(LogReloadTest, AStartHandsOverWhatIsAckedAndKnowsTheRest) {
  const Heard whole = AtAStart(last_);
  EXPECT_EQ(whole.texts, (Texts{"c", "e", "f", "g", "h", "i", "j"}));
  for (Index up_to = cuts_.back(); up_to <= last_; ++up_to) {
    const Heard heard = AtAStart(up_to);
    Texts expected;
    for (size_t i = 0; i < whole.indexes.size() && whole.indexes[i] <= up_to; ++i) {
      expected.push_back(whole.texts[i]);
    }
    EXPECT_EQ(heard.texts, expected);
    EXPECT_EQ(replayed_.last, last_);
    EXPECT_EQ(log_->LastPushed(), last_);
    EXPECT_EQ(log_->epochs().last(), 6U);
  }
}

TEST_F(LogReloadTest, ARunningLogHandsOverWhatAStartWould) {
  for (Index up_to = cuts_.back(); up_to <= last_; ++up_to) {
    const Heard at_start = AtAStart(up_to);
    for (int time = 0; time < 2; ++time) {
      const Heard again = Again(up_to);
      EXPECT_EQ(again.texts, at_start.texts) << "up to " << up_to;
      EXPECT_EQ(again.indexes, at_start.indexes);
    }
  }
  EXPECT_EQ(Again(last_ + 100).texts, AtAStart(last_).texts) << "as far as the log goes";
}

TEST_F(LogReloadTest, ARunningLogTellsOfWhatItStoredSinceTheStart) {
  AtAStart(last_);
  StoreOpening(8);
  const Index end = StoreRecord({"k", "l"});
  EXPECT_EQ(Again(end).texts, (Texts{"c", "e", "f", "g", "h", "i", "j", "k", "l"}));
  ASSERT_TRUE(log_->CutTo(last_).ok());
  EXPECT_EQ(Again(end).texts, (Texts{"c", "e", "f", "g", "h", "i", "j"}));
}

TEST_F(LogReloadTest, WithoutASnapshotItIsTheWholeLog) {
  Heard heard;
  ASSERT_TRUE(log_->ReplayAgain({}, last_, heard.Listener()).ok());
  EXPECT_EQ(heard.texts, (Texts{"base", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}));
}

TEST_F(LogReloadTest, ASnapshotOfAllLeavesNothingToHandOver) {
  cuts_ = CutsAt(last_, last_);
  EXPECT_TRUE(Again(last_).texts.empty());
}

TEST_F(LogReloadTest, WhatGoesWrongEndsIt) {
  const auto full = [](Index, std::string_view) { return Status::Busy("full"); };
  EXPECT_EQ(log_->ReplayAgain(cuts_, last_, full).code(), Status::Code::kBusy);
  // A cut that the log does not reach.
  cuts_ = CutsAt(last_, last_ + 1);
  Heard heard;
  EXPECT_EQ(log_->ReplayAgain(cuts_, last_, heard.Listener()).code(), Status::Code::kDamaged);
}

TEST_F(LogReloadTest, ARecordThatIsDamagedIsNotHandedOver) {
  RecordBuilder record;
  record.Append({.mutations = Mutations("k")});
  std::string bytes(
      record.Seal({.history = log_->history().id, .epoch = 6, .first = last_ + 1, .acked = 0}));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(log_->Store(std::make_shared<const std::string>(bytes)).ok());
  Await(*log_, last_ + 1);
  Heard heard;
  EXPECT_EQ(log_->ReplayAgain(cuts_, last_ + 1, heard.Listener()).code(), Status::Code::kDamaged);
  EXPECT_EQ(heard.texts.back(), "j");
  EXPECT_EQ(Again(last_).texts.back(), "j") << "what lies before it is whole";
}

TEST_F(LogReloadTest, TheSnapshotsRowsAreThereAgain) {
  EXPECT_EQ(RowsIn(*log_), rows_);
  AtAStart(last_);
  EXPECT_EQ(RowsIn(*log_), rows_);
  EXPECT_EQ(log_->snapshots().current().cuts, cuts_);
}

// ---- what is acked

TEST_F(LogReloadTest, TheLastRecordAndTheNewestCutTellWhatIsAcked) {
  const auto acked = [&] {
    std::unique_ptr<RocksLog> log;
    log_.reset();
    EXPECT_TRUE(RocksLog::Open(Options(), log).ok());
    const Index index = log->AckedOnDisk();
    log.reset();
    Follow(Options());
    return index;
  };
  log_cuts_ = cuts_;
  EXPECT_EQ(acked(), cuts_.back());
  StoreRecord({"k"}, last_ - 1);
  EXPECT_EQ(acked(), last_ - 1);
  StoreRecord({"l"}, 3);
  EXPECT_EQ(acked(), cuts_.back()) << "the last one counts, but the snapshot is acked";
}

TEST_F(LogReloadTest, OfAnEmptyLogNothingIsAcked) {
  log_.reset();
  dir_ = temp_ / "empty";
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(Options(), log).ok());
  EXPECT_EQ(log->AckedOnDisk(), 0U);
}

}  // namespace
}  // namespace holdfast
