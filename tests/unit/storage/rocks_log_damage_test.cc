// What a start must refuse, and what it must not: directories that were cut, flipped or mixed up
// while the server was down.
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "storage/witness.h"
#include "tests/unit/storage/rocks_log_test_support.h"

namespace holdfast {
namespace {

std::string KeyOf(Index index) {
  std::string key;
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(index >> shift);
  return key;
}

class DamageTest : public RocksLogTest {
 protected:
  // Three records behind the opening, in write-ahead files, as kill -9 leaves them: the directory
  // of a server that still runs.
  void LeaveThreeRecords() {
    Start();
    for (const char* text : {"first", "second", "third"}) {
      third_ = Push(text, true);
      AwaitDurable(third_);
    }
    ASSERT_TRUE(log_->Flush().ok());
    // Without another word to the disk; and its housekeeper no longer removes what is being copied.
    log_.reset();
    const std::string live = dir_;
    dir_ = temp_ / "killed";
    std::filesystem::copy(live, dir_, std::filesystem::copy_options::recursive);
  }

  std::string WalPath() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
      if (entry.path().extension() == ".log" && entry.file_size() > 0) return entry.path().string();
    }
    return {};
  }

  void RaiseWitness(Index index) {
    Witness witness;
    WitnessMark mark;
    ASSERT_TRUE(witness.Open(dir_ + "/witness", mark).ok());
    mark.index = index;
    ASSERT_TRUE(witness.Write(mark).ok());
  }

  void ExpectThirdMissed() { ExpectDamaged("up to index " + std::to_string(third_)); }

  Index third_ = 0;
};

TEST_F(DamageTest, KilledServersDirectoryOpensWhole) {
  LeaveThreeRecords();
  ASSERT_TRUE(TryStart().ok());
  EXPECT_EQ(heard_.texts, (Texts{"first", "second", "third"}));
}

TEST_F(DamageTest, ALogThatEndsBeforeItsWitnessIsRefused) {
  LeaveThreeRecords();
  RaiseWitness(third_ + 1);
  ExpectDamaged("up to index " + std::to_string(third_ + 1));
}

TEST_F(DamageTest, ALostWriteAheadFileIsRefused) {
  LeaveThreeRecords();
  std::filesystem::remove(WalPath());
  ExpectThirdMissed();
}

TEST_F(DamageTest, ATornWriteAheadFileIsRefusedIfItsEndWasDurable) {
  LeaveThreeRecords();
  const std::string wal = ReadFile(WalPath());
  const size_t third = wal.find("third");
  ASSERT_NE(third, std::string::npos);
  WriteFile(WalPath(), wal.substr(0, third));
  ExpectThirdMissed();
}

// A power loss in the middle of a sync: the file's new length reached the disk, its bytes did not.
TEST_F(DamageTest, AnEndOfZerosIsATornEndIfNothingInItWasDurable) {
  LeaveThreeRecords();
  RocksLogOptions options = Options();
  options.stock_sync = options.ordinary_sync = SyncPolicy::kNo;
  ASSERT_TRUE(TryStart(options).ok());
  const uint64_t before = log_->Stats().batches;
  Push(std::string(200'000, 'x'));  // several blocks
  while (log_->Stats().batches == before) std::this_thread::yield();
  log_.reset();
  const std::string wal = ReadFile(WalPath());
  const size_t begin = wal.find("xxx");
  ASSERT_NE(begin, std::string::npos);
  for (const size_t at :
       {begin - 40, begin + 1, begin + 50'000, begin + 131'072, wal.size() - 600}) {
    const std::string saved = temp_ / ("saved" + std::to_string(at));
    std::filesystem::copy(dir_, saved, std::filesystem::copy_options::recursive);
    WriteFile(WalPath(), wal.substr(0, at) + std::string(wal.size() - at, '\0'));
    const Status status = TryStart();
    EXPECT_TRUE(status.ok()) << "from byte " << at << ": " << status.text();
    EXPECT_EQ(heard_.texts, (Texts{"first", "second", "third"}));
    log_.reset();
    std::filesystem::remove_all(dir_);
    std::filesystem::rename(saved, dir_);
  }
  ASSERT_TRUE(TryStart().ok());
  EXPECT_EQ(heard_.texts.size(), 4U);
}

TEST_F(DamageTest, AnEndOfZerosThatWasDurableIsRefused) {
  LeaveThreeRecords();
  const std::string wal = ReadFile(WalPath());
  WriteFile(WalPath(), wal.substr(0, wal.find("third")) + std::string(2000, '\0'));
  ExpectThirdMissed();
}

// Every bit of every header: tests/unit/storage/check_sweep_test.cc.

TEST_F(DamageTest, AMissingWitnessIsRefused) {
  LeaveThreeRecords();
  std::filesystem::remove(dir_ + "/witness");
  ExpectDamaged("witness");
}

TEST_F(DamageTest, AWitnessWithoutAValidSlotIsRefused) {
  LeaveThreeRecords();
  WriteFile(dir_ + "/witness", std::string(8192, 'x'));
  ExpectDamaged("no valid slot");
}

TEST_F(DamageTest, AWitnessWhoseNewerSlotIsTornStillServes) {
  LeaveThreeRecords();
  std::string witness = ReadFile(dir_ + "/witness");
  const size_t newer = witness.substr(4, 8) > witness.substr(4096 + 4, 8) ? 0 : 4096;
  witness[newer + 30] = static_cast<char>(witness[newer + 30] ^ 1);
  WriteFile(dir_ + "/witness", witness);
  ASSERT_TRUE(TryStart().ok());
  EXPECT_EQ(heard_.texts.size(), 3U);
}

TEST_F(DamageTest, AnothersWitnessIsRefused) {
  LeaveThreeRecords();
  const std::string mine = dir_;
  dir_ = temp_ / "other";
  Start();
  log_.reset();
  std::filesystem::copy(dir_ + "/witness", mine + "/witness",
                        std::filesystem::copy_options::overwrite_existing);
  dir_ = mine;
  ExpectDamaged("not the witness");
}

TEST_F(DamageTest, AMissingDatabaseIsRefused) {
  LeaveThreeRecords();
  std::filesystem::remove_all(dir_ + "/db");
  ExpectThirdMissed();
}

TEST_F(DamageTest, AMissingRecordIsRefusedAndNamed) {
  LeaveThreeRecords();
  ChangeDatabase([this](rocksdb::DB& db, const Families& handles) {
    ASSERT_TRUE(db.Delete({}, Find(handles, "log-1"), KeyOf(third_ - 1)).ok());
  });
  ExpectDamaged("index " + std::to_string(third_ - 1));
}

TEST_F(DamageTest, AChangedRecordIsRefusedAndNamed) {
  LeaveThreeRecords();
  ChangeDatabase([this](rocksdb::DB& db, const Families& handles) {
    std::string record;
    ASSERT_TRUE(db.Get({}, Find(handles, "log-1"), KeyOf(third_), &record).ok());
    record.back() = static_cast<char>(record.back() ^ 4);
    ASSERT_TRUE(db.Put({}, Find(handles, "log-1"), KeyOf(third_), record).ok());
  });
  ExpectDamaged("index " + std::to_string(third_));
}

TEST_F(DamageTest, ARecordUnderAnotherIndexIsRefused) {
  LeaveThreeRecords();
  ChangeDatabase([this](rocksdb::DB& db, const Families& handles) {
    rocksdb::ColumnFamilyHandle* log = Find(handles, "log-1");
    std::string record;
    ASSERT_TRUE(db.Get({}, log, KeyOf(third_), &record).ok());
    ASSERT_TRUE(db.Put({}, log, KeyOf(third_ + 6), record).ok());
    ASSERT_TRUE(db.Delete({}, log, KeyOf(third_)).ok());
  });
  ExpectDamaged("index " + std::to_string(third_));
}

TEST_F(DamageTest, AMissingHistoryIsRefused) {
  LeaveThreeRecords();
  ChangeDatabase([](rocksdb::DB& db, const Families& /*handles*/) {
    ASSERT_TRUE(db.Delete({}, "history").ok());
  });
  ExpectDamaged("history");
}

TEST_F(DamageTest, AnEpochThatWentBackIsRefused) {
  LeaveThreeRecords();
  ChangeDatabase([](rocksdb::DB& db, const Families& /*handles*/) {
    std::string row;
    History history;
    ASSERT_TRUE(db.Get({}, "history", &row).ok());
    ASSERT_TRUE(DecodeHistory(row, history).ok());
    history.epoch = 0;
    ASSERT_TRUE(db.Put({}, "history", EncodeHistory(history)).ok());
  });
  ExpectDamaged("not the witness");
}

class SegmentDamageTest : public DamageTest {
 protected:
  void LeaveSegments() {
    RocksLogOptions options = Options();
    options.segment_bytes = 16 << 10;
    ASSERT_TRUE(TryStart(options).ok());
    while (log_->Stats().segments < 5) AwaitDurable(Push(std::string(4 << 10, 'x'), true));
    ASSERT_TRUE(log_->Flush().ok());
  }
};

TEST_F(SegmentDamageTest, AMissingSegmentIsRefusedAndNamed) {
  LeaveSegments();
  ChangeDatabase([](rocksdb::DB& db, const Families& handles) {
    ASSERT_TRUE(db.DropColumnFamily(Find(handles, "log-3")).ok());
  });
  ExpectDamaged("log-3");
}

TEST_F(SegmentDamageTest, AnEmptySegmentInTheMiddleIsRefusedAndNamed) {
  LeaveSegments();
  ChangeDatabase([](rocksdb::DB& db, const Families& handles) {
    ASSERT_TRUE(db.DeleteRange({}, Find(handles, "log-2"), KeyOf(0), KeyOf(~Index{0})).ok());
  });
  ExpectDamaged("log-2");
}

TEST_F(SegmentDamageTest, AMissingFirstSegmentIsRefused) {
  LeaveSegments();
  ChangeDatabase([](rocksdb::DB& db, const Families& handles) {
    ASSERT_TRUE(db.DropColumnFamily(Find(handles, "log-1")).ok());
  });
  ExpectDamaged("from index 1");
}

TEST_F(SegmentDamageTest, APartThatANewerVersionWroteIsNotTouched) {
  LeaveSegments();
  ChangeDatabase([](rocksdb::DB& db, const Families& /*handles*/) {
    rocksdb::ColumnFamilyHandle* made = nullptr;
    ASSERT_TRUE(db.CreateColumnFamily({}, "from-the-future", &made).ok());
    db.DestroyColumnFamilyHandle(made);
  });
  const Status status = TryStart();
  EXPECT_EQ(status.code(), Status::Code::kInvalid);
  EXPECT_NE(status.text().find("from-the-future"), std::string::npos);
}

// The three steps of a first start, each cut short behind it.
TEST_F(DamageTest, AFirstStartThatWasCutShortBeginsAgain) {
  std::filesystem::create_directory(dir_);
  ASSERT_TRUE(Witness::Create(dir_ + "/witness", {.history = TestHistory()}).ok());
  Start();
  EXPECT_EQ(log_->history().id, TestHistory());
  Push("a", true);
  ASSERT_TRUE(log_->Flush().ok());
  Restart();
  EXPECT_EQ(heard_.texts, Texts{"a"});
}

TEST_F(DamageTest, AFirstStartThatWasCutShortBeforeItsHistoryBeginsAgain) {
  Start();
  ChangeDatabase([](rocksdb::DB& db, const Families& handles) {
    ASSERT_TRUE(db.Delete({}, Find(handles, "log-1"), KeyOf(1)).ok());
    ASSERT_TRUE(db.Delete({}, "history").ok());
  });
  ASSERT_TRUE(Witness::Create(dir_ + "/witness", {.history = TestHistory()}).ok());
  Start();
  EXPECT_EQ(log_->history().id, TestHistory());
}

}  // namespace
}  // namespace holdfast
