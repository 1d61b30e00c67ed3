// The manifest, from which RocksDB learns what there is: damage in it is refused by its name, and
// whatever a start made of one that tells less than it did, no file is gone before it was proven.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "storage/database.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

class ManifestTest : public CheckTest {
 protected:
  void SetUp() override {
    FillAndKill();
    image_ = dir_;
    const std::string current = ReadFile(image_ + "/db/CURRENT");
    file_ = "/db/" + current.substr(0, current.size() - 1);
    manifest_ = ReadFile(image_ + file_);
    records_ = WalRecordsOf(manifest_);
    ASSERT_GT(records_.size(), 12U);
    ASSERT_EQ(records_.back().end, manifest_.size());
    UseCopyOf(image_);
    whole_ = Served();
    UseCopyOf(image_);
  }

  void SetManifest(const std::string& bytes) { WriteFile(dir_ + file_, bytes); }
  std::string At(const WalRecord& record) const {
    return file_ + " at byte " + std::to_string(record.at) + ": ";
  }

  // Names in db/ of the files with data.
  std::vector<std::string> DataFiles() const { return DataFilesOf(dir_); }
  static std::vector<std::string> DataFilesOf(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory + "/db")) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(".sst") || name.ends_with(".log") || name.starts_with("MANIFEST-")) {
        names.push_back(name);
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  // The data files of the image are still there, byte for byte.
  void ExpectNothingGone(const std::string& what) {
    const auto now = Files();
    for (const std::string& name : DataFilesOf(image_)) {
      if ("/db/" + name == file_) continue;
      const auto found = now.find(dir_ + "/db/" + name);
      ASSERT_TRUE(found != now.end()) << name << " is gone: " << what;
      EXPECT_TRUE(found->second == ReadFile(image_ + "/db/" + name)) << name << ": " << what;
    }
    EXPECT_TRUE(now.contains(dir_ + file_)) << what;
  }

  // As an operator would, from a copy.
  void PutRight() {
    SetManifest(manifest_);
    WriteFile(dir_ + "/db/CURRENT", ReadFile(image_ + "/db/CURRENT"));
  }

  // Of the files with data none is there that the running database does not need. Its threads may
  // still be deleting.
  bool HasOnlyWhatIsNeeded() {
    rocksdb::DB& rocks = log_->database().rocks();
    std::vector<std::string> needed;
    for (const Database::Table& table : log_->database().Tables()) {
      needed.push_back(std::filesystem::path(table.path).filename().string());
    }
    uint64_t oldest_log = 0;
    EXPECT_TRUE(rocks.GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &oldest_log));
    const std::string current = ReadFile(dir_ + "/db/CURRENT");
    needed.push_back(current.substr(0, current.size() - 1));
    for (const std::string& name : DataFiles()) {
      if (name.ends_with(".log") && std::stoull(name) >= oldest_log) needed.push_back(name);
    }
    std::sort(needed.begin(), needed.end());
    return DataFiles() == needed;
  }
  void AwaitOnlyWhatIsNeeded() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    // Looked at once each time: the housekeeper makes files meanwhile.
    bool only_needed = HasOnlyWhatIsNeeded();
    while (!only_needed && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      only_needed = HasOnlyWhatIsNeeded();
    }
    EXPECT_TRUE(only_needed) << testing::PrintToString(DataFiles());
  }

  std::string image_;
  std::string file_;  // in the directory
  std::string manifest_;
  std::vector<WalRecord> records_;
  Contents whole_;
};

TEST_F(ManifestTest, EveryFlippedBitIsRefusedByItsPlaceAndAStartChangesNoByte) {
  const auto before = Files();
  for (const WalRecord& record : records_) {
    for (size_t bit = record.at * 8; bit < record.end * 8; ++bit) {
      SetManifest(Flipped(manifest_, bit));
      Contents found;
      const Status served = Serve(found);
      ASSERT_EQ(served.code(), Status::Code::kDamaged) << "bit " << bit;
      EXPECT_NE(served.text().find(At(record)), std::string::npos) << bit << served.text();
    }
    SetManifest(manifest_);
    ASSERT_TRUE(Files() == before) << "a record at byte " << record.at;
  }
  EXPECT_TRUE(Served() == whole_);
}

TEST_F(ManifestTest, TheCheckNamesItAndOffersNoCut) {
  for (const WalRecord& record : records_) {
    // The length makes it a record that reaches far behind the end, the other is in its body.
    for (const size_t byte : {record.at + 5, record.end - 1}) {
      SetManifest(Flipped(manifest_, byte * 8 + 6));
      const auto before = Files();
      const CheckReport report = Checked();
      EXPECT_NE(DamageText(report).find(At(record)), std::string::npos) << DamageText(report);
      EXPECT_NE(WhyNotCut(report), "");
      EXPECT_EQ(ReportText(report).find("run holdfast-check --cut-tail"), std::string::npos);
      EXPECT_FALSE(Cut().ok());
      EXPECT_TRUE(Files() == before);
    }
  }
}

// A crash tears the last record alone, but bytes can be lost in other ways.
TEST_F(ManifestTest, AStartOnOneThatLostItsEndTakesNothingAway) {
  int refused = 0;
  for (const WalRecord& record : records_) {
    for (const size_t size : {record.at, record.end - 1}) {
      // Torn or missing, RocksDB reads no more: once in a while will do.
      if (size != record.at && record.at % 3 != 0) continue;
      const std::string what = "cut at byte " + std::to_string(size);
      UseCopyOf(image_);
      SetManifest(manifest_.substr(0, size));
      Contents found;
      if (Serve(found).ok()) {
        EXPECT_TRUE(found == whole_) << what << " changed what was there without a word";
        continue;
      }
      ++refused;
      ExpectNothingGone(what);
      // Nor does another one, of what the first made of it.
      EXPECT_FALSE(Serve(found).ok()) << what;
      ExpectNothingGone(what);
      PutRight();
      EXPECT_TRUE(Served() == whole_) << what;
    }
  }
  EXPECT_GT(refused, 15);
}

TEST_F(ManifestTest, AStartKeepsEveryFileUntilWhatItLoadedIsBelieved) {
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(SnapshotOptions(), log).ok());
  ExpectNothingGone("opened");
  ASSERT_TRUE(log->Replay(log->snapshots().current().cuts, heard_.Listener(), replayed_).ok());
  ExpectNothingGone("replayed");
  ASSERT_TRUE(log->Start(kNever).ok());
  log_ = std::move(log);
  AwaitOnlyWhatIsNeeded();
  EXPECT_FALSE(std::filesystem::exists(dir_ + file_));
}

TEST_F(ManifestTest, AStartThatIsServedRemovesWhatRefusedOnesLeft) {
  SetManifest(manifest_.substr(0, records_[records_.size() / 2].at));
  Contents found;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Serve(found).ok());
  EXPECT_GT(DataFiles().size(), 10U);
  PutRight();
  Load();
  AwaitOnlyWhatIsNeeded();
}

TEST_F(ManifestTest, OnceServingFilesGoAtOnce) {
  Load();
  const auto tables = DataFiles();
  TakeSnapshot();
  log_->Trim(last_ + 1);
  for (int i = 0; i < 3; ++i) {
    Commit("more", StringSet{.value = "1"});
    AwaitOnlyWhatIsNeeded();
  }
  const auto all_are_left = [&] {
    const auto left = DataFiles();
    return std::includes(left.begin(), left.end(), tables.begin(), tables.end());
  };
  // RocksDB deletes on a thread of its own.
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (all_are_left() && std::chrono::steady_clock::now() < latest) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(all_are_left());
}

}  // namespace
}  // namespace holdfast
