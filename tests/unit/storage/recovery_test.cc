#include "storage/recovery.h"

#include <gtest/gtest.h>

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

class RecoveryTest : public testing::Test {
 protected:
  Recovery Begin() {
    return {{.id = TestHistory(), .hash_seed = {}, .epoch = 5}, cuts_, listener_};
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

TEST_F(RecoveryTest, HandsOverEveryBatchInOrder) {
  Recovery recovery = Begin();
  ASSERT_TRUE(
      recovery.Take(MakeRecord({.first = 1, .batches = {Mutations("a"), Mutations("b")}})).ok());
  ASSERT_TRUE(
      recovery.Take(MakeRecord({.first = 3, .epoch = 5, .batches = {Mutations("c")}})).ok());
  ASSERT_TRUE(recovery.Finish(3, FromUnixMs(77)).ok());
  EXPECT_EQ(heard_.indexes, (std::vector<Index>{1, 2, 3}));
  EXPECT_EQ(heard_.texts, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(recovery.replayed().first, 1U);
  EXPECT_EQ(recovery.replayed().last, 3U);
  EXPECT_EQ(recovery.replayed().records, 2U);
  EXPECT_EQ(recovery.replayed().server_time, FromUnixMs(77));  // the witness was later
}

TEST_F(RecoveryTest, RefusesAGapAndNamesTheMissingIndex) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 1})).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 3})), "index 2");
  EXPECT_EQ(heard_.indexes, std::vector<Index>{1});
}

TEST_F(RecoveryTest, RefusesARecordTwice) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 1})).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 1})), "index 2");
}

TEST_F(RecoveryTest, RefusesALogThatBeginsTooLate) {
  ExpectRefused(Begin().Take(MakeRecord({.first = 2})), "from index 1");
  cuts_.fill(4);
  EXPECT_TRUE(Begin().Take(MakeRecord({.first = 5})).ok());
  cuts_[9] = 3;  // one partition lacks batch 4
  ExpectRefused(Begin().Take(MakeRecord({.first = 5})), "from index 4");
}

TEST_F(RecoveryTest, RefusesAnotherHistory) {
  ExpectRefused(Begin().Take(MakeRecord({.first = 1, .history = TestHistory('o')})), "index 1");
}

TEST_F(RecoveryTest, RefusesAnEpochThatGoesBackOrWasNeverOpened) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 1, .epoch = 3})).ok());
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 2, .epoch = 3})).ok());
  ExpectRefused(recovery.Take(MakeRecord({.first = 3, .epoch = 2})), "index 3");
  ExpectRefused(recovery.Take(MakeRecord({.first = 3, .epoch = 6})), "index 3");
}

TEST_F(RecoveryTest, RefusesABadByteAndNamesTheIndex) {
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 1})).ok());
  std::string record = MakeRecord({.first = 2});
  record.back() = static_cast<char>(record.back() ^ 1);
  ExpectRefused(recovery.Take(record), "index 2");
}

TEST_F(RecoveryTest, RefusesALogThatEndsBeforeTheWitnessOrACut) {
  Recovery recovery = Begin();
  ASSERT_TRUE(
      recovery.Take(MakeRecord({.first = 1, .batches = {Mutations("a"), Mutations("b")}})).ok());
  EXPECT_TRUE(recovery.Finish(2, kNever).ok());
  ExpectRefused(recovery.Finish(3, kNever), "up to index 3");
  cuts_[63] = 3;
  Recovery with_cut = Begin();
  ASSERT_TRUE(with_cut.Take(MakeRecord({.first = 1})).ok());
  ExpectRefused(with_cut.Finish(0, kNever), "up to index 3");
  ExpectRefused(Begin().Finish(1, kNever), "up to index 3");
}

TEST_F(RecoveryTest, LeavesOutWhatTheSnapshotHas) {
  // Slots 0 and 256 lie in partitions 0 and 1.
  const std::string both = Mutations("p0", 0) + Mutations("p1", 256);
  cuts_[0] = 2;
  cuts_[1] = 1;
  Recovery recovery = Begin();
  ASSERT_TRUE(recovery.Take(MakeRecord({.first = 1, .batches = {both, both, both}})).ok());
  EXPECT_EQ(heard_.indexes, (std::vector<Index>{2, 3}));  // nothing of 1 is news
  EXPECT_EQ(heard_.texts, (std::vector<std::string>{"p1", "p0", "p1"}));
}

TEST_F(RecoveryTest, StopsAtTheListenersFirstError) {
  int calls = 0;
  const ReplayFn refusing = [&](Index, std::string_view) {
    ++calls;
    return Status::Invalid("no");
  };
  Recovery recovery({.id = TestHistory(), .hash_seed = {}, .epoch = 5}, cuts_, refusing);
  EXPECT_EQ(
      recovery.Take(MakeRecord({.first = 1, .batches = {Mutations("a"), Mutations("b")}})).text(),
      "no");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace holdfast
