// What holdfast-check says of a directory: the figures of a sound one, and the place of every kind
// of damage.
#include <gtest/gtest.h>

#include "storage/log_segments.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

// A directory that holds a snapshot, which lacks the last three batches.
class CheckShopTest : public CheckTest {
 protected:
  void SetUp() override {
    Load();
    Sell();
    TakeSnapshot();
    cut_ = last_;
    Commit("session", StringRangeSet{.offset = 5, .bytes = "!"});
    Commit("mask", StockAdjusted{.at = At(2), .ref = "r", .asked = 7, .applied = 7});
    Commit("counter", KeyDeleted{});
    history_ = log_->history();
    node_ = log_->node();
    Kill();
  }
  static UnixMs At(int64_t ms) { return FromUnixMs(1'795'288'000'000 + ms); }
  static std::string LogAt(Index index) { return "the log at index " + std::to_string(index); }

  // Puts a row into the log's first segment, in place of what is there.
  void PutRecord(Index under, const std::string& record) {
    ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
      ASSERT_TRUE(db.Put({}, Find(families, "log-1"), LogRowKey(under), record).ok());
    });
  }
  template <typename M>
  void PutMutation(Index index, const std::string& key, const M& mutation, uint64_t epoch = 1) {
    std::string batch;
    AppendMutation(batch, {.db = 0, .slot = SlotOf(key), .key = key}, mutation);
    PutRecord(index, MakeRecord(history_, index, batch, epoch));
  }
  static std::string RecordAt(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* log, Index index) {
    std::string record;
    EXPECT_TRUE(db.Get({}, log, LogRowKey(index), &record).ok());
    return record;
  }

  Index cut_ = 0;
  History history_;
  NodeId node_;
};

TEST_F(CheckShopTest, ASoundDirectoryGivesItsFigures) {
  const CheckReport report = Checked();
  ASSERT_TRUE(report.sound()) << DamageText(report);
  EXPECT_EQ(report.history->id, history_.id);
  EXPECT_EQ(report.history->epoch, 1U);
  EXPECT_EQ(NewestOf(report.witness)->mark.index, last_);
  EXPECT_EQ(report.snapshot.number, 1U);
  EXPECT_EQ(report.NewestCut(), cut_);
  EXPECT_GT(report.tables, 2U);
  const LogFigures& log = report.log;
  EXPECT_EQ(log.first, 1U);
  EXPECT_EQ(log.last, last_);
  EXPECT_EQ(log.batches, last_);
  EXPECT_EQ(log.records, last_) << "each was awaited";
  EXPECT_EQ(log.segments, 1U);
  EXPECT_EQ(log.last_time, At(0));
  EXPECT_EQ(log.kinds.at(MutationKind::kEpochOpened).mutations, 1U);
  EXPECT_EQ(log.kinds.at(MutationKind::kHoldTaken).mutations, 3U);
  EXPECT_EQ(log.kinds.at(MutationKind::kStringSet).mutations, 2U);
  std::string set;
  AppendMutation(set, {.db = 0, .slot = 0, .key = "session"}, StringSet{.value = "value"});
  AppendMutation(set, {.db = 0, .slot = 0, .key = "counter"}, StringSet{.value = "42"});
  EXPECT_EQ(log.kinds.at(MutationKind::kStringSet).bytes, set.size());
  ASSERT_TRUE(report.state.has_value());
  const StateFigures& state = *report.state;
  EXPECT_EQ(state.up_to, last_);
  EXPECT_EQ(state.skus, 1U);
  EXPECT_EQ(state.strings, 1U) << "the counter was deleted behind the snapshot";
  EXPECT_EQ(state.hashes, 1U);
  EXPECT_EQ(state.fields, 2U);
  EXPECT_EQ(state.deadlines, 1U);
  EXPECT_EQ(state.holds, (std::array<uint64_t, 4>{1, 1, 1, 0}));
  EXPECT_EQ(state.stock, (Stock{.available = 12, .held = 3, .sold = 2, .supplied = 17}));
}

TEST_F(CheckShopTest, TheReportCanBeRead) {
  const std::string text = ReportText(Checked());
  const std::string last = std::to_string(last_);
  const std::string cut = std::to_string(cut_);
  for (const std::string& part :
       {"directory  " + dir_, "history    " + history_.id.Hex() + ", epoch 1",
        "witness    index " + last + ", epoch 1, ", std::string("both slots are valid"),
        "node       " + node_.Hex(), "promised epoch 1 to " + node_.Hex(),
        "epochs     1 from index 1, led by " + node_.Hex() + ", sync set of 1",
        std::string("snapshot   number 1"), "cuts at index " + cut + " to " + cut,
        "log        index 1 to " + last, std::string("1795288000000 (2026-11-21 19:06:40.000 UTC)"),
        "1 segment, " + last + " records, " + last + " batches, ", std::string("HoldTaken  "),
        std::string("1 SKU, 1 string, 1 hash of 2 fields; 1 key with a deadline"),
        std::string("holds: 1 held, 1 confirmed, 1 released, 0 expired"),
        std::string("units: available 12 + held 3 + sold 2 = supplied 17"),
        std::string("sound      everything is as it was written")}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
  }
}

TEST_F(CheckShopTest, WithoutTheStateEverythingElseIsVerified) {
  const CheckReport report = Checked({.state = false});
  EXPECT_TRUE(report.sound());
  EXPECT_FALSE(report.state.has_value());
  EXPECT_EQ(report.log.last, last_);
  PutMutation(cut_ - 4, "mask", Text{"no body of a string"});
  EXPECT_TRUE(Checked({.state = false}).sound()) << "it is one, with another value";
  PutRecord(cut_ - 4, "nothing");
  EXPECT_FALSE(Checked({.state = false}).sound());
}

// ---- refused

TEST_F(CheckShopTest, ADirectoryThatAServerHasIsRefusedByName) {
  Load();
  DataDirectory directory;
  const Status status = directory.OpenExisting(dir_, false);
  EXPECT_EQ(status.code(), Status::Code::kBusy);
  EXPECT_NE(status.text().find(dir_), std::string::npos);
  log_.reset();
  DataDirectory one;
  DataDirectory other;
  EXPECT_TRUE(one.OpenExisting(dir_, false).ok());
  EXPECT_EQ(other.OpenExisting(dir_, true).code(), Status::Code::kBusy);
  Contents contents;
  EXPECT_EQ(Serve(contents).code(), Status::Code::kBusy) << "no server starts under a check";
}

TEST_F(CheckShopTest, WhatIsNoDataDirectoryIsRefusedByNameAndNothingIsMade) {
  const std::string nowhere = temp_ / "nowhere";
  const std::string empty = temp_ / "empty";
  const std::string file = temp_ / "file";
  std::filesystem::create_directory(empty);
  WriteFile(file, "x");
  for (const auto& [path, code] :
       {std::pair(nowhere, Status::Code::kNotFound), std::pair(empty, Status::Code::kInvalid),
        std::pair(file, Status::Code::kInvalid)}) {
    for (const bool may_write : {false, true}) {
      DataDirectory directory;
      const Status status = directory.OpenExisting(path, may_write);
      EXPECT_EQ(status.code(), code) << path;
      EXPECT_NE(status.text().find(path), std::string::npos) << status.text();
    }
  }
  EXPECT_FALSE(std::filesystem::exists(nowhere));
  EXPECT_TRUE(std::filesystem::is_empty(empty));
}

TEST_F(CheckShopTest, ACopyWithoutALockFileIsCheckedAndGetsNone) {
  std::filesystem::remove(dir_ + "/holdfast.lock");
  ExpectSound();
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/holdfast.lock"));
}

TEST_F(CheckShopTest, APartOfALaterVersionIsRefused) {
  ChangeDatabase([](rocksdb::DB& db, const Families&) {
    rocksdb::ColumnFamilyHandle* made = nullptr;
    ASSERT_TRUE(db.CreateColumnFamily({}, "from-the-future", &made).ok());
    db.DestroyColumnFamilyHandle(made);
  });
  DataDirectory directory;
  ASSERT_TRUE(directory.OpenExisting(dir_, false).ok());
  Progress progress({});
  CheckReport report;
  const Status status = Check(directory, {}, progress, report);
  EXPECT_EQ(status.code(), Status::Code::kInvalid);
  EXPECT_NE(status.text().find("from-the-future"), std::string::npos);
}

// ---- the witness, the history

TEST_F(CheckShopTest, AMissingOrForeignWitnessIsFound) {
  const std::string witness = ReadFile(dir_ + "/witness");
  std::filesystem::remove(dir_ + "/witness");
  ExpectFound(dir_ + "/witness: it is missing");
  WriteFile(dir_ + "/witness", std::string(8192, 'x'));
  ExpectFound(dir_ + "/witness: no slot is valid");
  ASSERT_TRUE(Witness::Create(dir_ + "/witness", {.history = TestHistory(), .epoch = 1}).ok());
  const CheckReport report = ExpectFound("not the witness of the log beside it");
  EXPECT_FALSE(WhyNotCut(report).empty());
  WriteFile(dir_ + "/witness", witness);
  ExpectSound();
}

TEST_F(CheckShopTest, OneTornSlotOfTheWitnessIsNoted) {
  const std::string whole = ReadFile(dir_ + "/witness");
  for (const size_t slot : {size_t{0}, size_t{1}}) {
    std::string torn = whole;
    torn[slot * 4096 + 30] = static_cast<char>(torn[slot * 4096 + 30] ^ 1);
    WriteFile(dir_ + "/witness", torn);
    const CheckReport report = Checked();
    EXPECT_TRUE(report.sound()) << DamageText(report);
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_NE(report.notes[0].find("slot " + std::to_string(slot)), std::string::npos);
  }
}

TEST_F(CheckShopTest, AMissingDatabaseIsFound) {
  std::filesystem::remove_all(dir_ + "/db");
  ExpectFound("/db: it is missing, but the witness knows a log up to index " +
              std::to_string(last_));
}

TEST_F(CheckShopTest, ADirectoryThatNothingWasEverStoredInIsSound) {
  std::filesystem::remove_all(dir_ + "/db");
  ASSERT_TRUE(Witness::Create(dir_ + "/witness", {.history = TestHistory()}).ok());
  const CheckReport report = Checked();
  EXPECT_TRUE(report.sound());
  EXPECT_TRUE(report.empty);
  EXPECT_NE(ReportText(report).find("nothing was ever stored here"), std::string::npos);
}

TEST_F(CheckShopTest, AMissingOrChangedHistoryIsFound) {
  ChangeDatabase([](rocksdb::DB& db, const Families&) {
    std::string row;
    ASSERT_TRUE(db.Get({}, "history", &row).ok());
    row[9] = static_cast<char>(row[9] ^ 1);
    ASSERT_TRUE(db.Put({}, "history", row).ok());
  });
  ExpectFound("the history row is not one that I wrote");
  ChangeDatabase(
      [](rocksdb::DB& db, const Families&) { ASSERT_TRUE(db.Delete({}, "history").ok()); });
  ExpectFound("its history row is missing");
}

// ---- the node, the epochs

TEST_F(CheckShopTest, AMissingNodeIsNotedAndADamagedOneFound) {
  const std::string whole = ReadFile(dir_ + "/node");
  std::filesystem::remove(dir_ + "/node");
  const CheckReport report = Checked();
  EXPECT_TRUE(report.sound()) << DamageText(report);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("the next start makes the directory a new node"),
            std::string::npos);
  WriteFile(dir_ + "/node", Flipped(whole, 100));
  EXPECT_NE(WhyNotCut(ExpectFound(dir_ + "/node: ")), "");
  Contents contents;
  EXPECT_EQ(Serve(contents).code(), Status::Code::kDamaged);
  WriteFile(dir_ + "/node", whole);
  ExpectSound();
}

TEST_F(CheckShopTest, AnEpochThatBeginsWithoutItsOpeningIsFound) {
  Load();  // the second epoch
  const Index second = opening();
  log_.reset();
  PutMutation(second, "counter", StringSet{.value = "1"}, 2);
  ExpectFound(LogAt(second) + ": epoch 2 begins here without a record that opens it");
}

// ---- the snapshot: nothing that can be cut mends it

class CheckSnapshotTest : public CheckShopTest {
 protected:
  using Change = std::function<void(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* snapshot)>;
  void ChangeSnapshot(const Change& change) {
    ChangeDatabase(
        [&](rocksdb::DB& db, const Families& families) { change(db, Find(families, "snap-1")); });
  }
  void ExpectFoundForGood(const std::string& naming) {
    const CheckReport report = ExpectFound(naming);
    EXPECT_NE(WhyNotCut(report).find(naming), std::string::npos) << WhyNotCut(report);
    const auto before = Files();
    EXPECT_EQ(Cut().code(), Status::Code::kInvalid);
    EXPECT_TRUE(Files() == before) << "what cannot be mended is left as it is";
  }
  static std::pair<std::string, std::string> FirstRow(rocksdb::DB& db,
                                                      rocksdb::ColumnFamilyHandle* snapshot) {
    const std::unique_ptr<rocksdb::Iterator> row(db.NewIterator({}, snapshot));
    row->SeekToFirst();
    return {row->key().ToString(), row->value().ToString()};
  }
};

TEST_F(CheckSnapshotTest, AChangedMarkIsFound) {
  ChangeDatabase([](rocksdb::DB& db, const Families&) {
    std::string mark;
    ASSERT_TRUE(db.Get({}, "snapshot", &mark).ok());
    mark[30] = static_cast<char>(mark[30] ^ 1);
    ASSERT_TRUE(db.Put({}, "snapshot", mark).ok());
  });
  ExpectFoundForGood("the snapshot's mark is not one that I wrote");
}

TEST_F(CheckSnapshotTest, AMarkWithoutItsRowsIsFound) {
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.DropColumnFamily(Find(families, "snap-1")).ok());
  });
  ExpectFoundForGood("snap-1 is missing");
}

TEST_F(CheckSnapshotTest, AChangedRowIsFound) {
  ChangeSnapshot([](auto& db, auto* snapshot) {
    auto [key, row] = FirstRow(db, snapshot);
    row[row.size() / 2] = static_cast<char>(row[row.size() / 2] ^ 1);
    ASSERT_TRUE(db.Put({}, snapshot, key, row).ok());
  });
  ExpectFoundForGood("snap-1, the row under the key ");
}

TEST_F(CheckSnapshotTest, AMissingRowIsFound) {
  ChangeSnapshot([](auto& db, auto* snapshot) {
    ASSERT_TRUE(db.Delete({}, snapshot, FirstRow(db, snapshot).first).ok());
  });
  ExpectFoundForGood(" rows, but ");
}

TEST_F(CheckSnapshotTest, ARowThatIsWholeAndCannotBeLoadedIsFound) {
  Load();
  // The holds of a SKU that is not there.
  std::string facts;
  AppendMutation(facts, {.db = 0, .slot = SlotOf("mask"), .key = "mask"},
                 HoldConfirmed{.at = At(0), .hold_id = "h", .sold = 1});
  Take({{std::string(1, static_cast<char>(PartitionOf(SlotOf("mask")))), facts}}, last_);
  log_.reset();
  ExpectFoundForGood("it holds what this version cannot load");
  EXPECT_TRUE(Checked({.state = false}).sound()) << "only loading tells";
}

TEST_F(CheckSnapshotTest, SumsThatDoNotAddUpAreFound) {
  Load();
  // 5 of 6 units held, and no hold to show for it.
  std::string facts;
  std::string body;
  ItemOptionsSet{.at = At(0), .options = {}}.EncodeBody(body);
  for (const Units units : {1, 5, 0, 6, 0, 0, 0, 0}) AppendInt<int64_t>(body, units);
  AppendInt<uint64_t>(body, 1);
  AppendInt<uint16_t>(body, 0);
  AppendInt(facts, static_cast<uint8_t>(MutationKind::kItemState));
  AppendInt<uint8_t>(facts, 0);
  AppendInt(facts, SlotOf("soap"));
  std::string inner;
  AppendWord(inner, "soap");
  AppendWord(facts, inner + body);
  Take({{std::string(1, static_cast<char>(PartitionOf(SlotOf("soap")))), facts}}, last_);
  log_.reset();
  ExpectFoundForGood("the key \"soap\": held differs from the live holds");
}

// ---- tables

// Anywhere in it: also in what no start reads.
TEST_F(CheckShopTest, AFlippedBitInATableIsFoundInItsFile) {
  Load();
  log_.reset();  // every row lies in a table now
  size_t files = 0;
  for (const auto& [path, whole] : Files()) {
    if (!path.ends_with(".sst")) continue;
    ++files;
    // A property of the table that tells nobody anything.
    const size_t unread = whole.find("zstd_max_train_bytes=0");
    ASSERT_NE(unread, std::string::npos);
    for (const size_t at : {whole.size() / 3, unread}) {
      std::string bad = whole;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      WriteFile(path, bad);
      const CheckReport report = ExpectFound(path);
      const bool opened = report.history && report.tables > 0;
      EXPECT_EQ(opened, DamageText(report).find("the table " + path + " of ") != std::string::npos);
    }
    WriteFile(path, whole);
  }
  EXPECT_GT(files, 2U);
  ExpectSound();
}

TEST_F(CheckShopTest, DamageInWhatAnUnfinishedSnapshotLeftIsNoted) {
  ChangeDatabase([](rocksdb::DB& db, const Families&) {
    rocksdb::ColumnFamilyHandle* made = nullptr;
    ASSERT_TRUE(db.CreateColumnFamily({}, "snap-9", &made).ok());
    ASSERT_TRUE(db.Put({}, made, "key", "left over and over").ok());
    ASSERT_TRUE(db.Flush({}, made).ok());
    db.DestroyColumnFamilyHandle(made);
  });
  for (const auto& [path, bytes] : Files()) {
    const size_t at = bytes.find("left over");
    if (!path.ends_with(".sst") || at == std::string::npos) continue;
    std::string bad = bytes;
    bad[at] = 'L';
    WriteFile(path, bad);
  }
  const CheckReport report = Checked();
  EXPECT_TRUE(report.sound()) << DamageText(report);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("of snap-9"), std::string::npos) << report.notes[0];
}

TEST_F(CheckShopTest, AMissingTableIsFound) {
  Load();
  log_.reset();
  for (const auto& [path, whole] : Files()) {
    if (!path.ends_with(".sst")) continue;
    std::filesystem::remove(path);
    ExpectFound(std::filesystem::path(path).filename().string());
    WriteFile(path, whole);
  }
}

TEST_F(CheckShopTest, DamageInTheMiddleOfAWriteAheadFileIsFoundInItsFile) {
  std::string wal = ReadFile(WalPath());
  wal[wal.size() / 2] = static_cast<char>(wal[wal.size() / 2] ^ 1);
  WriteFile(WalPath(), wal);
  const CheckReport report = ExpectFound(WalPath() + " at byte ");
  EXPECT_TRUE(report.past_damage);
  EXPECT_NE(DamageText(report).find(": it is missing, the next record begins with index "),
            std::string::npos)
      << DamageText(report);
}

// ---- the log

TEST_F(CheckShopTest, AMissingRecordIsFound) {
  ChangeDatabase([this](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.Delete({}, Find(families, "log-1"), LogRowKey(last_ - 1)).ok());
  });
  const CheckReport report =
      ExpectFound(LogAt(last_ - 1) + ": it is missing, the next record begins with index " +
                  std::to_string(last_) + " (in log-1)");
  EXPECT_EQ(report.log.last, last_ - 2);
  EXPECT_EQ(report.log_damage.at, last_ - 1);
  EXPECT_EQ(report.log_damage.records, 1U) << "one behind it can still be read";
  EXPECT_EQ(report.log_damage.last, last_);
  ASSERT_EQ(report.damages.size(), 1U) << "one damage, one line: " << DamageText(report);
}

TEST_F(CheckShopTest, AChangedRecordIsFound) {
  ChangeDatabase([this](rocksdb::DB& db, const Families& families) {
    std::string record = RecordAt(db, Find(families, "log-1"), last_);
    record.back() = static_cast<char>(record.back() ^ 4);
    ASSERT_TRUE(db.Put({}, Find(families, "log-1"), LogRowKey(last_), record).ok());
  });
  ExpectFound(LogAt(last_) + ": the checksum of a record does not fit (in log-1)");
}

TEST_F(CheckShopTest, ARecordUnderAnotherIndexIsFound) {
  ChangeDatabase([this](rocksdb::DB& db, const Families& families) {
    rocksdb::ColumnFamilyHandle* log = Find(families, "log-1");
    ASSERT_TRUE(db.Put({}, log, LogRowKey(last_ + 1), RecordAt(db, log, last_)).ok());
    ASSERT_TRUE(db.Delete({}, log, LogRowKey(last_)).ok());
  });
  ExpectFound(LogAt(last_) + ": the record lies under another index, " + std::to_string(last_ + 1));
}

TEST_F(CheckShopTest, ARecordOfAnotherHistoryIsFound) {
  history_.id = TestHistory();
  PutMutation(last_, "counter", KeyDeleted{});
  ExpectFound(LogAt(last_) + ": it belongs to another history");
}

TEST_F(CheckShopTest, AnEpochThatWasNeverOpenedIsFound) {
  PutMutation(last_, "counter", KeyDeleted{}, 7);
  ExpectFound(LogAt(last_) + ": its epoch 7 was never opened, 1 is the last");
}

TEST_F(CheckShopTest, AMutationThatWhatCameBeforeRulesOutIsFound) {
  PutMutation(last_, "never-set", KeyDeleted{});
  ExpectFound(LogAt(last_) + ": what came before rules out KeyDeleted db=0 slot=");
}

using CheckShopDeathTest = CheckShopTest;

TEST_F(CheckShopDeathTest, AChangeOfStockThatContradictsWhatCameBeforeIsNamedToo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  PutMutation(last_, "mask", HoldConfirmed{.at = At(3), .hold_id = "never", .sold = 1});
  EXPECT_EXIT(
      Checked(), testing::ExitedWithCode(1),
      "invariant violated.*\nholdfast-check: damaged: " + LogAt(last_) + ": it contradicts");
  EXPECT_TRUE(Checked({.state = false}).sound()) << "only loading tells";
}

TEST_F(CheckShopTest, AMutationThatIsNoneIsFound) {
  for (const MutationKind kind : {MutationKind::kStringSet, MutationKind::kItemState}) {
    std::string batch;
    AppendMutation(batch, {.db = 0, .slot = SlotOf("k"), .key = "k"}, KeyDeleted{});
    batch[0] = static_cast<char>(kind);
    PutRecord(last_, MakeRecord(history_, last_, batch));
    ExpectFound(LogAt(last_) + ": a mutation of kind ");
  }
}

TEST_F(CheckShopTest, WhatALaterVersionWroteIsNotCutOff) {
  std::string batch;
  AppendMutation(batch, {.db = 0, .slot = SlotOf("k"), .key = "k"}, KeyDeleted{});
  batch[0] = static_cast<char>(100);
  PutRecord(last_, MakeRecord(history_, last_, batch));
  EXPECT_FALSE(WhyNotCut(ExpectFound("kind-100, which this version does not know")).empty());
  std::string record = MakeRecord(history_, last_, batch);
  record[3] = '2';
  PutRecord(last_, record);
  EXPECT_FALSE(WhyNotCut(ExpectFound("not a record of a format that I know")).empty());
}

TEST_F(CheckShopTest, ALogThatEndsBeforeItsWitnessOrACutIsFound) {
  SetWitness(last_ + 8);
  const CheckReport report =
      ExpectFound(LogAt(last_) + ": it ends here, but was known to be on disk up to index " +
                  std::to_string(last_ + 8));
  EXPECT_EQ(report.log_damage.at, last_ + 1);
  EXPECT_EQ(report.log_damage.segment, 0U) << "nothing has to go";
  ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
    for (Index index = cut_; index <= last_; ++index) {
      ASSERT_TRUE(db.Delete({}, Find(families, "log-1"), LogRowKey(index)).ok());
    }
  });
  SetWitness(1);
  EXPECT_FALSE(
      WhyNotCut(ExpectFound("but the snapshot needs it up to index " + std::to_string(cut_)))
          .empty());
}

class CheckSegmentsTest : public CheckTest {
 protected:
  void SetUp() override {
    RocksLogOptions options = SnapshotOptions();
    options.segment_bytes = 16 << 10;
    ASSERT_TRUE(TryLoad(options).ok());
    FillSegments(5);
    ASSERT_TRUE(log_->Flush().ok());
    log_.reset();
  }
};

TEST_F(CheckSegmentsTest, AMissingSegmentIsFound) {
  EXPECT_EQ(Checked().log.segments, 5U);
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.DropColumnFamily(Find(families, "log-3")).ok());
  });
  const CheckReport report = ExpectFound("segment log-3 is missing");
  EXPECT_EQ(report.log_damage.segment, 4U);
  EXPECT_FALSE(report.log_damage.segment_keeps);
}

TEST_F(CheckSegmentsTest, AnEmptySegmentInTheMiddleIsFound) {
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(
        db.DeleteRange({}, Find(families, "log-2"), LogRowKey(0), LogRowKey(~Index{0})).ok());
  });
  EXPECT_EQ(ExpectFound("the log's segment log-2: it is empty").log_damage.segment, 2U);
}

TEST_F(CheckSegmentsTest, AMissingFirstSegmentIsFoundAndNoCutMendsIt) {
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.DropColumnFamily(Find(families, "log-1")).ok());
  });
  EXPECT_EQ(WhyNotCut(ExpectFound("is needed from index 1")), "no record of it would be left");
}

}  // namespace
}  // namespace holdfast
