// Damage anywhere: what the check says of it, what a start makes of it and what a cut saves are
// always of one mind, and nothing that the witness knows of is ever missed without a word.
#include <cstdlib>
#include <optional>

#include <gtest/gtest.h>

#include "storage/base/random.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

bool NamesAPlace(const std::string& text) {
  for (const char* place : {"the log at index ", ".log at byte ", "log-", "snap-", ".sst",
                            "/witness", "/node: ", "/db: ", "MANIFEST-", "CURRENT"}) {
    if (text.find(place) != std::string::npos) return true;
  }
  return false;
}

class SweepTest : public CheckTest {
 protected:
  // Takes the directory for the image that each damage is done to.
  void Remember() {
    image_ = dir_;
    UseCopyOf(image_);
    whole_ = Served();
    ASSERT_FALSE(whole_.batches.empty());
    witness_ = 0;
    dir_ = image_;
    witness_ = ReadWitnessMark().index;
  }

  Contents UpTo(Index last) const {
    Contents contents = whole_;
    contents.batches.erase(contents.batches.upper_bound(last), contents.batches.end());
    return contents;
  }

  CheckReport Look() {
    log_.reset();
    CheckReport report;
    DataDirectory directory;
    Progress progress({});
    Status status = directory.OpenExisting(dir_, false);
    if (status.ok()) status = Check(directory, {}, progress, report);
    // Neither sound nor damaged is what nobody can read.
    if (!status.ok()) report.damages.push_back({.text = status.text(), .cut_mends = false});
    return report;
  }

  // A fresh copy of the image, with these bytes in place of one file's.
  void UseDamaged(const std::string& file, const std::string& bytes) {
    UseCopyOf(image_);
    WriteFile(dir_ + file, bytes);
  }

  // How far a start gets; nothing: it is refused. What it finds must be the beginning of what there
  // was, up to the witness at least.
  std::optional<Index> Start(const std::string& what) {
    Contents found;
    const Status served = Serve(found);
    if (!served.ok()) {
      EXPECT_NE(served.text(), "") << what;
      return std::nullopt;
    }
    const Index last = replayed_.last;
    EXPECT_GE(last, witness_) << what << " lost batches without a word";
    EXPECT_TRUE(found == UpTo(last)) << what << " changed what was there without a word";
    return last;
  }

  struct Outcome {
    bool refused = false;
    std::optional<Index> cut_to;
  };
  // All three on the directory with damage of one kind. `least`: a cut must save as much, if it
  // saves anything.
  Outcome Examine(const std::string& file, const std::string& bytes, const std::string& what,
                  Index least) {
    Outcome outcome;
    UseDamaged(file, bytes);
    const CheckReport report = Look();
    const std::optional<Index> started = Start(what);
    outcome.refused = !started;
    if (report.sound()) {
      EXPECT_TRUE(started.has_value()) << what << " is called sound and refused by a start";
      EXPECT_EQ(report.log.last, started.value_or(0)) << what;
      return outcome;
    }
    EXPECT_TRUE(NamesAPlace(DamageText(report))) << what << ": " << DamageText(report);
    UseDamaged(file, bytes);
    if (!WhyNotCut(report).empty()) return outcome;
    outcome.cut_to = report.log.last;
    EXPECT_GE(report.log.last, least) << what << ": " << DamageText(report);
    const Status cut = Cut();
    EXPECT_TRUE(cut.ok()) << what << ": " << cut.text();
    witness_ = 0;  // told to give up what it knows
    EXPECT_EQ(Start(what), report.log.last) << what << ", cut";
    dir_ = image_;
    witness_ = ReadWitnessMark().index;
    return outcome;
  }

  std::string image_;
  Contents whole_;
  Index witness_ = 0;
};

class WalSweepTest : public SweepTest {
 protected:
  void SetUp() override {
    Load();
    Sell();
    Kill();
    Remember();
    wal_file_ = WalPath().substr(dir_.size());
    wal_ = ReadFile(WalPath());
    records_ = WalRecordsOf(wal_);
    ASSERT_EQ(records_.back().end, wal_.size());
    ASSERT_GE(records_.size(), last_);
  }
  // Of the physical records, the last ones are the log's.
  Index IndexOf(size_t record) const {
    const size_t others = records_.size() - last_;
    return record < others ? 0 : record - others + 1;
  }

  void SetImageWitness(Index index) {
    dir_ = image_;
    SetWitness(index);
    witness_ = index;
  }

  // Flips each bit of the headers of some records.
  void FlipHeaders(size_t begin, size_t end) {
    int refused = 0;
    for (size_t record = begin; record < end; ++record) {
      for (size_t bit = 0; bit < kWalHeaderBytes * 8; ++bit) {
        const std::string what = "bit " + std::to_string(bit) + " of the header of batch " +
                                 std::to_string(IndexOf(record));
        const Index before = IndexOf(record) == 0 ? 0 : IndexOf(record) - 1;
        const Outcome outcome =
            Examine(wal_file_, Flipped(wal_, records_[record].at * 8 + bit), what, before);
        refused += outcome.refused ? 1 : 0;
      }
    }
    EXPECT_GT(refused, 0);
  }

  std::string wal_file_;
  std::string wal_;
  std::vector<WalRecord> records_;
};

// A start takes every whole record before the cut if the witness allows it, and refuses if not;
// then a cut of the tail leaves exactly those.
TEST_F(WalSweepTest, TheLastFileCutAtEveryByteOfTheLastTwoRecords) {
  const size_t last = records_.size() - 1;
  for (size_t size = records_[last - 1].at; size < wal_.size(); ++size) {
    const Index kept = size < records_[last - 1].end ? last_ - 2 : last_ - 1;
    const std::string what = "cut at byte " + std::to_string(size);
    for (const Index witness : {last_ - 2, last_}) {
      SetImageWitness(witness);
      const Outcome outcome = Examine(wal_file_, wal_.substr(0, size), what, kept);
      EXPECT_EQ(outcome.refused, witness > kept) << what;
      if (witness <= kept) continue;
      EXPECT_EQ(outcome.cut_to, kept) << what;
      // The report says what the witness proves to be missing.
      UseDamaged(wal_file_, wal_.substr(0, size));
      EXPECT_NE(DamageText(Look()).find("known to be on disk up to index " + std::to_string(last_)),
                std::string::npos);
    }
  }
}

// A start that refused has written what it could read into tables; a cut goes on from there.
TEST_F(WalSweepTest, AStartThatWasRefusedLeavesTheSameToACut) {
  const size_t last = records_.size() - 1;
  for (const size_t size : {records_[last].at, records_[last].at + 3, wal_.size() - 1}) {
    UseDamaged(wal_file_, wal_.substr(0, size));
    EXPECT_FALSE(Start("cut"));
    const Status cut = Cut();
    EXPECT_TRUE(cut.ok()) << cut.text();
    EXPECT_TRUE(Served() == UpTo(last_ - 1));
  }
}

TEST_F(WalSweepTest, EveryBitOfEveryHeaderUpToTheWitness) { FlipHeaders(0, records_.size() - 1); }

TEST_F(WalSweepTest, EveryBitOfTheLastHeaderUpToTheWitness) {
  FlipHeaders(records_.size() - 1, records_.size());
}

TEST_F(WalSweepTest, EveryBitOfTheLastRecordBehindTheWitness) {
  SetImageWitness(last_ - 1);
  const WalRecord& record = records_.back();
  for (size_t bit = record.at * 8; bit < record.end * 8; bit += bit < (record.at + 7) * 8 ? 1 : 5) {
    Examine(wal_file_, Flipped(wal_, bit), "bit " + std::to_string(bit), last_ - 1);
  }
}

// Records that take several blocks of the file.
class LargeWalSweepTest : public SweepTest {
 protected:
  void SetUp() override {
    Load();
    Sell();
    for (int i = 0; i < 6; ++i) {
      Commit("large-" + std::to_string(i), StringSet{.value = std::string(70'000, 'v')});
    }
    Kill();
    Remember();
  }
};

TEST_F(LargeWalSweepTest, RandomBitsOfLargeRecords) {
  const std::string file = WalPath().substr(dir_.size());
  const std::string wal = ReadFile(WalPath());
  Random random(9);
  int cut = 0;
  for (int i = 0; i < 60; ++i) {
    const size_t bit = random.Below(wal.size() * 8);
    // Everything before the record that the bit lies in can be saved.
    const Index before = 9 + bit / 8 / 71'000;
    const Outcome outcome = Examine(file, Flipped(wal, bit), "bit " + std::to_string(bit),
                                    before > 10 ? before - 1 : 9);
    EXPECT_TRUE(outcome.refused);
    cut += outcome.cut_to ? 1 : 0;
  }
  EXPECT_GT(cut, 50);
}

class RandomSweepTest : public SweepTest {
 protected:
  void SetUp() override {
    FillAndKill();
    Remember();
  }

  void FlipSome(uint64_t seed, int count) {
    dir_ = image_;
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& [path, bytes] : Files()) {
      if (!bytes.empty()) files.emplace_back(path.substr(image_.size()), bytes);
    }
    ASSERT_GT(files.size(), 8U);
    Random random(seed);
    int refused = 0;
    for (int i = 0; i < count; ++i) {
      const auto& [file, bytes] = files[random.Below(files.size())];
      const size_t bit = random.Below(bytes.size() * 8);
      const Outcome outcome = Examine(
          file, Flipped(bytes, bit),
          "seed " + std::to_string(seed) + ": bit " + std::to_string(bit) + " of " + file, 0);
      refused += outcome.refused ? 1 : 0;
    }
    EXPECT_GT(refused, count / 4);
  }
};

// HOLDFAST_CHECK_FLIPS bits for each of four seeds.
int Flips() {
  const char* const count = std::getenv("HOLDFAST_CHECK_FLIPS");
  return count != nullptr ? std::atoi(count) : 125;
}

TEST_F(RandomSweepTest, RandomBitsOfTheWholeDirectoryOne) { FlipSome(1, Flips()); }
TEST_F(RandomSweepTest, RandomBitsOfTheWholeDirectoryTwo) { FlipSome(2, Flips()); }
TEST_F(RandomSweepTest, RandomBitsOfTheWholeDirectoryThree) { FlipSome(3, Flips()); }
TEST_F(RandomSweepTest, RandomBitsOfTheWholeDirectoryFour) { FlipSome(4, Flips()); }

}  // namespace
}  // namespace holdfast
