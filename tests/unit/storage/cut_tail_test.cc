// holdfast-check --cut-tail: what is damaged at the log's end goes, all before it stays, and a cut
// that is interrupted anywhere can be finished.
#include <gtest/gtest.h>

#include "storage/check/log_inspection.h"
#include "storage/log_segments.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

class CutTailTest : public CheckTest {
 protected:
  // A snapshot, and three batches behind it.
  void LeaveShop() {
    Load();
    Sell();
    TakeSnapshot();
    cut_ = last_;
    Commit("a", StringSet{.value = "1"});
    Commit("b", StringSet{.value = "2"});
    Commit("c", StringSet{.value = "3"});
    Kill();
  }
  // Segments of four records or so.
  void LeaveSegments(uint64_t count) {
    RocksLogOptions options = SnapshotOptions();
    options.segment_bytes = 16 << 10;
    ASSERT_TRUE(TryLoad(options).ok());
    Sell();
    FillSegments(count);
    ASSERT_TRUE(log_->Flush().ok());
    log_.reset();
  }
  void DeleteRecord(const std::string& segment, Index index) {
    ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
      ASSERT_TRUE(db.Delete({}, Find(families, segment), LogRowKey(index)).ok());
    });
  }
  // The first index of a segment.
  Index FirstOf(const std::string& segment) {
    Index first = 0;
    ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
      const std::unique_ptr<rocksdb::Iterator> row(db.NewIterator({}, Find(families, segment)));
      row->SeekToFirst();
      ASSERT_TRUE(row->Valid());
      first = IndexOfLogKey({row->key().data(), row->key().size()});
    });
    return first;
  }
  // What a start found before the damage, up to an index.
  static Contents UpTo(Contents whole, Index last) {
    whole.batches.erase(whole.batches.upper_bound(last), whole.batches.end());
    return whole;
  }
  Contents Whole() {
    const std::string image = dir_;
    UseCopyOf(image);
    Contents whole = Served();
    dir_ = image;
    return whole;
  }
  void ExpectBothSlots(Index index) const {
    WitnessSlots slots;
    ASSERT_TRUE(ReadWitness(dir_ + "/witness", slots).ok());
    for (const auto& slot : slots) {
      ASSERT_TRUE(slot.has_value());
      EXPECT_EQ(slot->mark.index, index);
    }
  }
  // Cut, the directory is sound, its witness claims no more than what is left, and a server finds
  // exactly that.
  void ExpectCutTo(Index last, const Contents& whole) {
    const Status cut = Cut();
    ASSERT_TRUE(cut.ok()) << cut.text();
    ExpectSound();
    EXPECT_EQ(ReadWitnessMark().index, last);
    EXPECT_TRUE(Served() == UpTo(whole, last));
    // It goes on like any other.
    Load();
    const Index behind = Push("behind");
    EXPECT_EQ(behind, opening() + 1);
    ASSERT_TRUE(log_->Flush().ok());
    log_.reset();
    EXPECT_EQ(Checked({.state = false}).log.last, behind);
  }

  Index cut_ = 0;
};

TEST_F(CutTailTest, ASoundDirectoryIsLeftAsItIs) {
  LeaveShop();
  const auto before = Files();
  EXPECT_TRUE(Cut().ok());
  EXPECT_TRUE(Files() == before);
}

TEST_F(CutTailTest, AHoleInTheLogTakesWhatLiesBehindItAlong) {
  LeaveShop();
  const Contents whole = Whole();
  DeleteRecord("log-1", last_ - 1);
  const CheckReport report = Checked();
  EXPECT_EQ(WhyNotCut(report), "");
  EXPECT_EQ(CutText(report), "kept       all up to index " + std::to_string(last_ - 2) +
                                 ", 1795288000000 (2026-11-21 19:06:40.000 UTC)\n"
                                 "lost       index " +
                                 std::to_string(last_ - 1) + " to " + std::to_string(last_) +
                                 ", 2 batches; of these 1 whole records could still be read\n");
  ExpectCutTo(last_ - 2, whole);
}

TEST_F(CutTailTest, WhatTheWitnessMissesIsGivenUp) {
  LeaveShop();
  const Contents whole = Whole();
  SetWitness(last_ + 28);
  Contents contents;
  EXPECT_EQ(Serve(contents).code(), Status::Code::kDamaged);
  EXPECT_NE(CutText(Checked()).find("lost       index " + std::to_string(last_ + 1) + " to " +
                                    std::to_string(last_ + 28) + ", 28 batches"),
            std::string::npos);
  ExpectCutTo(last_, whole);
}

TEST_F(CutTailTest, AWitnessThatWasLostIsMadeAnew) {
  LeaveShop();
  const Contents whole = Whole();
  std::filesystem::remove(dir_ + "/witness");
  EXPECT_NE(CutText(Checked()).find("the witness, who would know, was lost"), std::string::npos);
  ExpectCutTo(last_, whole);
}

TEST_F(CutTailTest, DamageInTheMiddleOfAWriteAheadFileIsCutAway) {
  LeaveShop();
  const Contents whole = Whole();
  std::string wal = ReadFile(WalPath());
  wal[wal.size() / 2] = static_cast<char>(wal[wal.size() / 2] ^ 1);
  WriteFile(WalPath(), wal);
  Contents contents;
  UseCopyOf(dir_);
  EXPECT_EQ(Serve(contents).code(), Status::Code::kDamaged) << "RocksDB itself refuses";
  dir_ = temp_ / "killed";
  ExpectCutTo(last_ - 2, whole);
}

TEST_F(CutTailTest, DamageThatCostNoRecordIsMendedToo) {
  LeaveShop();
  const Contents whole = Whole();
  // The file before the newest one: all of it was moved into tables when the snapshot was taken.
  for (const auto& [path, bytes] : Files()) {
    if (!path.ends_with(".log") || bytes.empty()) continue;
    std::string bad = bytes;
    bad[6] = 77;  // a type of record that there is not
    bad[4] = static_cast<char>(bad[4] ^ 1);
    const std::string image = dir_;
    UseCopyOf(image);
    WriteFile(dir_ + path.substr(image.size()), bad);
    const CheckReport report = Checked();
    if (!report.sound() && WhyNotCut(report).empty()) ExpectCutTo(report.log.last, whole);
    dir_ = image;
  }
}

TEST_F(CutTailTest, LaterSegmentsGoAndTheDamagedOneKeepsItsBeginning) {
  LeaveSegments(5);
  const Contents whole = Whole();
  const Index second = FirstOf("log-3") + 1;
  DeleteRecord("log-3", second);
  ExpectCutTo(second - 1, whole);
  EXPECT_EQ(FamilyNames(), (std::vector<std::string>{"default", "log-1", "log-2", "log-3"}));
}

TEST_F(CutTailTest, ASegmentWhoseFirstRecordIsDamagedGoesWhole) {
  LeaveSegments(5);
  const Contents whole = Whole();
  const Index first = FirstOf("log-3");
  DeleteRecord("log-3", first);
  ExpectCutTo(first - 1, whole);
  EXPECT_EQ(FamilyNames(), (std::vector<std::string>{"default", "log-1", "log-2"}));
}

TEST_F(CutTailTest, WhatLiesBehindAMissingSegmentGoes) {
  LeaveSegments(5);
  const Contents whole = Whole();
  const Index first = FirstOf("log-3");
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.DropColumnFamily(Find(families, "log-3")).ok());
  });
  ExpectCutTo(first - 1, whole);
}

TEST_F(CutTailTest, ATableThatCannotBeReadGoesWithItsSegment) {
  LeaveSegments(5);
  ChangeDatabase([](rocksdb::DB&, const Families&) {});  // write-ahead files become tables
  const Contents whole = Whole();
  const Index first = FirstOf("log-3");
  std::string damaged;
  for (const auto& [path, bytes] : Files()) {
    if (!path.ends_with(".sst") || bytes.find(LogRowKey(first + 1)) == std::string::npos) continue;
    damaged = path;
    std::string bad = bytes;
    const size_t at = bytes.find("xxxxxxxx", bytes.find(LogRowKey(first + 1)));
    bad[at] = static_cast<char>(bad[at] ^ 1);
    WriteFile(path, bad);
  }
  ASSERT_FALSE(damaged.empty());
  const CheckReport report = ExpectFound(damaged);
  EXPECT_GE(report.log.last + 1, first);
  ExpectCutTo(report.log.last, whole);
}

TEST_F(CutTailTest, TheSnapshotStaysWhatItIsAndWhatItNeedsIsNeverCut) {
  LeaveShop();
  DeleteRecord("log-1", cut_);
  const std::string why_not = "the snapshot needs the log up to index " + std::to_string(cut_);
  EXPECT_EQ(WhyNotCut(Checked()), why_not);
  EXPECT_EQ(Cut().text(), why_not);
}

TEST_F(CutTailTest, ALogOfWhichNothingWouldBeLeftIsNotCut) {
  Load();
  Sell();
  Kill();
  DeleteRecord("log-1", 1);
  EXPECT_EQ(Cut().text(), "no record of it would be left");
}

// The k-th write fails, for every k, as if the machine had stopped there; then the cut is told to
// go on.
TEST_F(CutTailTest, ACutThatIsInterruptedAnywhereIsFinishedByTheNextOne) {
  LeaveSegments(4);
  const Contents whole = Whole();
  const Index second = FirstOf("log-2") + 1;
  DeleteRecord("log-2", second);
  const std::string image = dir_;
  bool finished = false;
  int interrupted = 0;
  int told = 0;
  for (int k = 1; !finished; ++k) {
    ASSERT_LT(k, 500);
    UseCopyOf(image);
    const auto disk = std::make_shared<FaultyDisk>();
    disk->FailAppend("", k);
    finished = Cut({.file_system = disk}).ok();
    if (finished) continue;
    ++interrupted;
    const CheckReport report = Checked();
    if (DamageText(report).find("was interrupted") != std::string::npos) {
      ++told;
      const std::string between = dir_;
      Contents contents;
      const Status served = Serve(contents);
      EXPECT_EQ(served.code(), Status::Code::kDamaged);
      EXPECT_NE(served.text().find("--cut-tail"), std::string::npos) << served.text();
      dir_ = between;
    }
    const Status cut = Cut();
    ASSERT_TRUE(cut.ok()) << "interrupted at " << k << ": " << cut.text();
    ExpectSound();
    EXPECT_EQ(ReadWitnessMark().index, second - 1) << "interrupted at " << k;
    EXPECT_TRUE(Served() == UpTo(whole, second - 1)) << "interrupted at " << k;
  }
  EXPECT_GT(interrupted, 15);
  EXPECT_GT(told, 5);
}

// Neither slot of the witness may go on claiming what is gone.
TEST_F(CutTailTest, BothSlotsOfTheWitnessAreLowered) {
  LeaveShop();
  DeleteRecord("log-1", last_ - 1);
  ASSERT_TRUE(Cut().ok());
  ExpectBothSlots(last_ - 2);
}

TEST_F(CutTailTest, TheWitnessIsLoweredBeforeAnythingElse) {
  LeaveShop();
  DeleteRecord("log-1", last_ - 1);
  const auto disk = std::make_shared<FaultyDisk>();
  disk->FailAppend("", 1);
  EXPECT_FALSE(Cut({.file_system = disk}).ok());
  ExpectBothSlots(last_ - 2);
}

TEST_F(CutTailTest, TheClockOfTheWitnessDoesNotGoBack) {
  LeaveShop();
  WitnessMark mark = ReadWitnessMark();
  mark.server_time = FromUnixMs(1'795'299'000'000);
  ASSERT_TRUE(Witness::Create(dir_ + "/witness", mark).ok());
  DeleteRecord("log-1", last_ - 1);
  ASSERT_TRUE(Cut().ok());
  EXPECT_EQ(ReadWitnessMark().server_time, mark.server_time);
}

}  // namespace
}  // namespace holdfast
