// A node's state is read for another one while the node goes on.
#include "storage/state_reader.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/state_test_support.h"

namespace holdfast {
namespace {

class StateReaderTest : public StateTest {
 protected:
  RocksLogOptions SmallSegments() {
    RocksLogOptions options = SnapshotOptions();
    options.segment_bytes = 8 << 10;
    return options;
  }
  // Each fills a segment, so that the next record begins another.
  void FillSegments(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t segments = log_->Stats().segments;
      StoreRecord({std::string(10 << 10, 'x')});
      while (log_->Stats().segments == segments) std::this_thread::yield();
    }
  }
  static Status ReadLog(RocksLog& log, Index after) {
    CountingWaker waker;
    Records records;
    return log.ReadBehind(after, &waker)->Read(kEverything, records);
  }
};

TEST_F(StateReaderTest, WithoutASnapshotTheLogHasAll) {
  const auto reader = StateOf(*log_);
  EXPECT_EQ(reader->head().history.id, log_->history().id);
  EXPECT_EQ(reader->head().mark.number, 0U);
  EXPECT_EQ(reader->head().last, LogPlace{});
  EXPECT_TRUE(reader->head().epochs.empty());
  EXPECT_TRUE(RowsOf(*reader).empty());
}

TEST_F(StateReaderTest, TheLogGoesOnWithTheRecordThatHoldsTheOldestCut) {
  const Index opening = StoreOpening(4);
  const Index ends = StoreRecord({"a", "b", "c"});
  StoreOpening(6);
  const Index end = StoreRecord({"d", "e"});
  const Rows rows = MakeRows("row", 200);
  for (Index cut = ends - 2; cut <= ends; ++cut) {
    TakeAt(*log_, rows, CutsAt(cut, end));
    const auto reader = StateOf(*log_);
    const StateHead& head = reader->head();
    EXPECT_EQ(head.last, (LogPlace{.epoch = 4, .index = opening}));
    EXPECT_EQ(head.mark.cuts, CutsAt(cut, end));
    EXPECT_EQ(head.mark, log_->snapshots().current());
    EXPECT_EQ(head.history.epoch, 6U);
    EXPECT_EQ(EncodeHistory(head.history), EncodeHistory(log_->history()));
    ASSERT_EQ(head.epochs.starts().size(), 2U) << "those up to there";
    EXPECT_EQ(head.epochs.last(), 4U);
    EXPECT_EQ(head.epochs.group(), GroupOfBoth());
    EXPECT_EQ(RowsOf(*reader), rows);
  }
  TakeAt(*log_, rows, CutsAt(ends + 1, end));
  EXPECT_EQ(StateOf(*log_)->head().last, (LogPlace{.epoch = 4, .index = ends}));
}

TEST_F(StateReaderTest, RowsComeInPiecesOfTheSizeThatIsAskedFor) {
  const Rows rows = MakeRows("row", 200, 500);
  TakeAt(*log_, rows, CutsAt(2, 2));
  const auto reader = StateOf(*log_);
  Rows read;
  std::string packed;
  int pieces = 0;
  while (reader->Read(5000, packed).ok() && !packed.empty()) {
    EXPECT_LT(packed.size(), 5600U);
    Unpack(packed, read);
    ++pieces;
  }
  EXPECT_EQ(read, rows);
  EXPECT_GT(pieces, 15);
  EXPECT_LT(pieces, 25);
  EXPECT_TRUE(reader->Read(5000, packed).ok());
  EXPECT_TRUE(packed.empty()) << "and that was all";
}

TEST_F(StateReaderTest, NewerSnapshotsMeanwhileDoNotDisturbIt) {
  const Rows rows = MakeRows("row", 2000, 200);
  log_.reset();
  Follow(SnapshotOptions());
  TakeAt(*log_, rows, CutsAt(2, 2));
  auto reader = StateOf(*log_);
  std::string packed;
  ASSERT_TRUE(reader->Read(1000, packed).ok());
  Rows read;
  Unpack(packed, read);
  for (const char* name : {"newer", "newest"}) {
    const Index end = StoreRecord({name});
    TakeAt(*log_, MakeRows(name, 300), CutsAt(end, end));
    log_->Trim(end + 1);
  }
  while (reader->Read(1000, packed).ok() && !packed.empty()) Unpack(packed, read);
  EXPECT_EQ(read, rows);
  EXPECT_EQ(reader->head().mark.cuts, CutsAt(2, 2));
  EXPECT_EQ(RowsOf(*StateOf(*log_)), MakeRows("newest", 300));
  reader.reset();
  EXPECT_EQ(FamilyNames().size(), 3U) << "meta, a segment, a snapshot";
}

TEST_F(StateReaderTest, BehindAnyKeyComesExactlyTheRest) {
  const Rows rows = MakeRows("row", 60);
  TakeAt(*log_, rows, CutsAt(2, 2));
  const auto reader = StateOf(*log_);
  Texts keys = {"", std::string(1, '\0'), std::string(1, static_cast<char>(kPartitions)),
                std::string(5000, '\xff')};
  for (const auto& [key, value] : rows) {
    keys.push_back(key);
    keys.push_back(key + '\0');
    keys.push_back(key.substr(0, key.size() - 1));
  }
  std::string packed;
  for (const std::string& key : keys) {
    SCOPED_TRACE(testing::PrintToString(key));
    reader->SeekBehind(key);
    EXPECT_EQ(RowsOf(*reader), Rows(rows.upper_bound(key), rows.end()));
    reader->SeekBehind(key);
    ASSERT_TRUE(reader->Read(1, packed).ok()) << "and it may be left half way";
  }
}

TEST_F(StateReaderTest, ATakerThatHadNoneOfItIsStillToldOfMissingRows) {
  const Rows rows = MakeRows("row", 20);
  TakeAt(*log_, rows, CutsAt(2, 2));
  ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.Delete({}, Find(families, "snap-1"), rows.rbegin()->first).ok());
  });
  Follow(Options());
  const auto reader = StateOf(*log_);
  std::string packed;
  reader->SeekBehind(rows.begin()->first);
  EXPECT_TRUE(reader->Read(kEverything, packed).ok()) << "who has rows of it counts them";
  reader->SeekBehind("");
  EXPECT_EQ(reader->Read(kEverything, packed).code(), Status::Code::kDamaged);
}

TEST_F(StateReaderTest, WithoutASnapshotThereIsNothingBehindAnyKey) {
  const auto reader = StateOf(*log_);
  for (const char* key : {"", "key"}) {
    reader->SeekBehind(key);
    EXPECT_TRUE(RowsOf(*reader).empty());
  }
}

TEST_F(StateReaderTest, TheLogIsKeptBehindItAsLongAsItLives) {
  Follow(SmallSegments());
  FillSegments(2);
  const Index cut = log_->LastPushed();
  TakeAt(*log_, MakeRows("row", 10), CutsAt(cut, cut));
  auto reader = StateOf(*log_);
  const LogPlace last = reader->head().last;
  FillSegments(3);
  const Index end = StoreRecord({"end"});
  TakeAt(*log_, MakeRows("newer", 10), CutsAt(end, end));
  log_->Trim(end + 1);
  // Each wakes the housekeeper, who would drop a segment if it might.
  for (int i = 0; i < 20; ++i) StoreRecord({"more"});
  EXPECT_TRUE(ReadLog(*log_, last.index).ok());
  reader.reset();
  while (ReadLog(*log_, last.index).code() != Status::Code::kNotFound) std::this_thread::yield();
}

// The log then begins with the record that opens the epoch, and only a row tells of the one before.
TEST_F(StateReaderTest, AnEpochWhoseOpeningWasTrimmedIsKnownAllTheSame) {
  Follow(SmallSegments());
  StoreOpening(4);
  FillSegments(2);
  const Index before = log_->LastPushed();
  const Index opening = StoreOpening(6);
  FillSegments(1);
  StoreRecord({"end"});
  TakeAt(*log_, MakeRows("row", 10), CutsAt(opening, opening));
  log_->Trim(opening + 1);
  while (log_->FirstIndex() != opening) std::this_thread::yield();
  log_cuts_ = CutsAt(opening, opening);
  for (int round = 0; round < 2; ++round) {
    const StateHead head = StateOf(*log_)->head();
    EXPECT_EQ(head.last, (LogPlace{.epoch = 4, .index = before}));
    EXPECT_EQ(head.epochs.last(), 4U);
    ASSERT_NO_FATAL_FAILURE(Follow(SmallSegments()));
  }
}

TEST_F(StateReaderTest, ARowThatIsNotAsItWasWrittenOrIsMissingIsDamage) {
  const Rows rows = MakeRows("row", 50);
  TakeAt(*log_, rows, CutsAt(2, 2));
  const std::string key = rows.rbegin()->first;
  const auto last_words = [&] {
    Follow(Options());
    const auto reader = StateOf(*log_);
    std::string packed;
    Status status;
    while (status = reader->Read(100, packed), status.ok() && !packed.empty()) {
    }
    return status;
  };
  EXPECT_TRUE(last_words().ok());
  std::string value;
  ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.Get({}, Find(families, "snap-1"), key, &value).ok());
    value[3] = static_cast<char>(value[3] ^ 1);
    ASSERT_TRUE(db.Put({}, Find(families, "snap-1"), key, value).ok());
  });
  EXPECT_EQ(last_words().code(), Status::Code::kDamaged);
  ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.Delete({}, Find(families, "snap-1"), key).ok());
  });
  EXPECT_EQ(last_words().code(), Status::Code::kDamaged);
}

}  // namespace
}  // namespace holdfast
