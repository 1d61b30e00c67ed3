#include "storage/recovery.h"

#include <gtest/gtest.h>

#include "storage/opening.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

struct Made {
  Index first;
  uint64_t epoch = 1;
  HistoryId history = TestHistory();
  std::vector<std::string> batches = {Mutations("x")};
};

std::string MakeRecord(const Made& made) {
  RecordBuilder record;
  for (const std::string& batch : made.batches) record.Append({.mutations = batch});
  return std::string(
      record.Seal({.history = made.history, .epoch = made.epoch, .first = made.first, .acked = 0}));
}

// Somebody's, so that it is not taken for an epoch of version 0.1.0.
const Group kGroup{.primary = NodeId{{'n'}}};

std::string EncodedOpening(Epoch epoch, const LogPlace& before) {
  return EncodeOpening({.epoch = epoch, .before = before, .group = kGroup});
}

std::string MakeOpening(Index first, Epoch epoch, Epoch epoch_before) {
  return MakeRecord({.first = first,
                     .epoch = epoch,
                     .batches = {EncodedOpening(epoch, {epoch_before, first - 1})}});
}

class RecoveryTest : public testing::Test {
 protected:
  // Nothing of the log yet. Epoch 1 began with batch 1, epoch 3 with batch 7, and both openings may
  // have been trimmed.
  Recovery BeginTrimmed() {
    Epochs trimmed;
    trimmed.Begin({.epoch = 1, .first = 1, .group = kGroup});
    trimmed.Begin({.epoch = 3, .first = 7, .group = kGroup});
    return {{.id = TestHistory(), .hash_seed = {}, .epoch = 5}, trimmed, cuts_, listener_};
  }
  // Batch 1 was taken: it opened epoch 1.
  Recovery Begin() {
    Recovery recovery({.id = TestHistory(), .hash_seed = {}, .epoch = 5}, {}, cuts_, listener_);
    EXPECT_TRUE(recovery.Take(MakeOpening(1, 1, 0)).ok());
    return recovery;
  }

  Cuts cuts_{};
  Heard heard_;
  ReplayFn listener_ = heard_.Listener();
};

void ExpectRefused(const Status& status, std::string_view naming) {
  EXPECT_EQ(status.code(), Status::Code::kDamaged);
  EXPECT_NE(status.text().find(naming), std::string::npos) << status.text();
  EXPECT_NE(status.text().find("'holdfast-check DIR' shows where"), std::string::npos)
      << "no remedy: " << status.text();
  EXPECT_NE(status.text().find("restore"), std::string::npos) << "no remedy: " << status.text();
}

TEST(RefuseAsDamaged, SaysWhereWhatAndWhatToDo) {
  const std::string text = RefuseAsDamaged("the log", "it is gone").text();
  EXPECT_TRUE(text.starts_with("the log: it is gone; refusing to start on damaged data: ")) << text;
  EXPECT_EQ(WithoutRemedy(text), "the log: it is gone");
  EXPECT_EQ(WithoutRemedy("anything else; it is"), "anything else; it is");
}

TEST_F(RecoveryTest, HandsOverEveryBatchInOrderButTheOpenings) {
  Recovery recovery = Begin();
  ASSERT_TRUE(
      recovery.Take(MakeRecord({.first = 2, .batches = {Mutations("a"), Mutations("b")}})).ok());
  ASSERT_TRUE(recovery.Take(MakeOpening(4, 5, 1)).ok());
  ASSERT_TRUE(
      recovery.Take(MakeRecord({.first = 5, .epoch = 5, .batches = {Mutations("c")}})).ok());
  ASSERT_TRUE(recovery.Finish(5, FromUnixMs(77)).ok());
  EXPECT_EQ(heard_.indexes, (std::vector<Index>{2, 3, 5}));
  EXPECT_EQ(heard_.texts, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(recovery.replayed().first, 1U);
  EXPECT_EQ(recovery.replayed().last, 5U);
  EXPECT_EQ(recovery.replayed().records, 4U);
  EXPECT_EQ(recovery.replayed().server_time, FromUnixMs(77));  // the witness was later
}

TEST_F(RecoveryTest, RefusesAGapAndNamesTheMissingIndex) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 2})).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 4})), "index 3");
  EXPECT_EQ(heard_.indexes, std::vector<Index>{2});
}

TEST_F(RecoveryTest, RefusesARecordTwice) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 2})).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 2})), "index 3");
}

TEST_F(RecoveryTest, RefusesALogThatBeginsTooLate) {
  ExpectRefused(BeginTrimmed().Take(MakeRecord({.first = 2})), "from index 1");
  cuts_.fill(4);
  EXPECT_TRUE(BeginTrimmed().Take(MakeRecord({.first = 5})).ok());
  cuts_[9] = 3;  // one partition lacks batch 4
  ExpectRefused(BeginTrimmed().Take(MakeRecord({.first = 5})), "from index 4");
}

TEST_F(RecoveryTest, RefusesAnotherHistory) {
  ExpectRefused(Begin().Take(MakeRecord({.first = 2, .history = TestHistory('o')})), "index 2");
}

// ---- epochs

TEST_F(RecoveryTest, TellsWhichEpochWroteWhat) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 2})).ok());
  ASSERT_TRUE(recovery.Take(MakeOpening(3, 4, 1)).ok());
  EXPECT_EQ(recovery.epochs().starts(),
            (std::vector<EpochStart>{{.epoch = 1, .first = 1, .group = kGroup},
                                     {.epoch = 4, .first = 3, .group = kGroup}}));
}

TEST_F(RecoveryTest, RefusesAnEpochThatGoesBackOrWasNeverOpened) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeOpening(2, 3, 1)).ok());
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 3, .epoch = 3})).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 4, .epoch = 2})), "index 4");
  ExpectRefused(recovery.Take(MakeOpening(4, 2, 3)), "index 4");
  ExpectRefused(recovery.Take(MakeOpening(4, 6, 3)), "index 4");
}

TEST_F(RecoveryTest, RefusesAnEpochThatBeginsWithoutSayingSo) {
  Recovery recovery = Begin();
  ExpectRefused(recovery.Take(MakeRecord({.first = 2, .epoch = 2})), "index 2: epoch 2 begins");
  ExpectRefused(recovery.Take(MakeRecord({.first = 2, .epoch = 0})), "index 2");
  EXPECT_TRUE(heard_.indexes.empty());
}

TEST_F(RecoveryTest, ReadsALogThatVersion010BeganAndIsStrictBehindIt) {
  Recovery recovery({.id = TestHistory(), .hash_seed = {}, .epoch = 5}, {}, cuts_, listener_);
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 1})).ok());
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 2, .epoch = 3})).ok());
  EXPECT_EQ(heard_.indexes, (std::vector<Index>{1, 2}));
  ASSERT_TRUE(recovery.Take(MakeOpening(3, 4, 3)).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 4, .epoch = 5})), "index 4: epoch 5 begins");
  EXPECT_EQ(recovery.epochs().starts(),
            (std::vector<EpochStart>{{.epoch = 1, .first = 1},
                                     {.epoch = 3, .first = 2},
                                     {.epoch = 4, .first = 3, .group = kGroup}}));
}

TEST_F(RecoveryTest, RefusesAnOpeningThatFollowsAnotherBatchThanItSays) {
  for (const LogPlace& before : {LogPlace{2, 1}, LogPlace{1, 0}, LogPlace{1, 2}, LogPlace{}}) {
    Recovery recovery = Begin();
    const std::string opening = EncodedOpening(4, before);
    ExpectRefused(recovery.Take(MakeRecord({.first = 2, .epoch = 4, .batches = {opening}})),
                  "index 2: it opens epoch 4 behind");
  }
}

TEST_F(RecoveryTest, RefusesAnOpeningOfAnotherEpochThanItsRecordIsOf) {
  const std::string opening = EncodedOpening(4, {1, 1});
  ExpectRefused(Begin().Take(MakeRecord({.first = 2, .epoch = 5, .batches = {opening}})),
                "index 2: it opens epoch 4");
}

TEST_F(RecoveryTest, RefusesAnOpeningThatIsNotAlone) {
  const std::string opening = EncodedOpening(4, {1, 1});
  ExpectRefused(
      Begin().Take(MakeRecord({.first = 2, .epoch = 4, .batches = {opening, Mutations("a")}})),
      "index 2: epoch 4 begins");
  ExpectRefused(Begin().Take(MakeRecord({.first = 2, .epoch = 4, .batches = {opening + opening}})),
                "index 2: the batch that opens an epoch is malformed");
  ExpectRefused(Begin().Take(MakeRecord({.first = 2, .batches = {Mutations("a"), opening}})),
                "index 2: epoch 1 begins a second time");
}

TEST_F(RecoveryTest, ALogThatBeginsInTheMiddleOfAnEpochNeedsToldWhenItBegan) {
  cuts_.fill(9);
  Recovery recovery = BeginTrimmed();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 10, .epoch = 3})).ok());
  EXPECT_EQ(recovery.epochs().starts(),
            (std::vector<EpochStart>{{.epoch = 3, .first = 7, .group = kGroup}}));
  ASSERT_TRUE(recovery.Take(MakeOpening(11, 5, 3)).ok());
  ExpectRefused(BeginTrimmed().Take(MakeRecord({.first = 10, .epoch = 4})), "epoch 4 begins");
}

// The row is written before the segment goes: after a crash in between both tell of epoch 3.
TEST_F(RecoveryTest, WhatTheLogTellsOfItselfCountsBeforeWhatWasKeptOfTheTrimmed) {
  cuts_.fill(6);
  Recovery recovery = BeginTrimmed();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 6, .epoch = 1})).ok());
  ExpectRefused(BeginTrimmed().Take(MakeRecord({.first = 7, .epoch = 3})), "epoch 3 begins");
  ASSERT_TRUE(recovery.Take(MakeOpening(7, 3, 1)).ok());
  EXPECT_EQ(recovery.epochs().starts(),
            (std::vector<EpochStart>{{.epoch = 1, .first = 1, .group = kGroup},
                                     {.epoch = 3, .first = 7, .group = kGroup}}));
}

// ---- bytes, ends, cuts

TEST_F(RecoveryTest, RefusesABadByteAndNamesTheIndex) {
  Recovery recovery = Begin();
  std::string record = MakeRecord({.first = 2});
  record.back() = static_cast<char>(record.back() ^ 1);
  ExpectRefused(recovery.Take(record), "index 2");
}

TEST_F(RecoveryTest, RefusesALogThatEndsBeforeTheWitnessOrACut) {
  Recovery recovery = Begin();
  ASSERT_TRUE(
      recovery.Take(MakeRecord({.first = 2, .batches = {Mutations("a"), Mutations("b")}})).ok());
  EXPECT_TRUE(recovery.Finish(3, kNever).ok());
  ExpectRefused(recovery.Finish(4, kNever), "up to index 4");
  cuts_[63] = 4;
  Recovery with_cut = Begin();
  ASSERT_TRUE(with_cut.Take(MakeRecord({.first = 2})).ok());
  ExpectRefused(with_cut.Finish(0, kNever), "up to index 4");
  ExpectRefused(Begin().Finish(1, kNever), "up to index 4");
}

TEST_F(RecoveryTest, LeavesOutWhatTheSnapshotHas) {
  // Slots 0 and 256 lie in partitions 0 and 1.
  const std::string both = Mutations("p0", 0) + Mutations("p1", 256);
  cuts_[0] = 3;
  cuts_[1] = 2;
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 2, .batches = {both, both, both}})).ok());
  EXPECT_EQ(heard_.indexes, (std::vector<Index>{3, 4}));  // nothing of 2 is news
  EXPECT_EQ(heard_.texts, (std::vector<std::string>{"p1", "p0", "p1"}));
}

TEST_F(RecoveryTest, StopsAtTheListenersFirstError) {
  int calls = 0;
  const ReplayFn refusing = [&](Index, std::string_view) {
    ++calls;
    return Status::Invalid("no");
  };
  Recovery recovery({.id = TestHistory(), .hash_seed = {}, .epoch = 5}, {}, cuts_, refusing);
  ASSERT_TRUE(recovery.Take(MakeOpening(1, 1, 0)).ok());
  EXPECT_EQ(
      recovery.Take(MakeRecord({.first = 2, .batches = {Mutations("a"), Mutations("b")}})).text(),
      "no");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace holdfast
