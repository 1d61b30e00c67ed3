// Crashes and failing disks while a snapshot is written: at any moment there is the old one or the
// new one, whole, and nothing else.
#include <gtest/gtest.h>

#include "tests/unit/storage/database_crash_disk.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {
namespace {

class SnapshotCrashTest : public SnapshotTest {
 protected:
  // There are three batches and a snapshot of the first two. The next one, of all three, is taken
  // on a watched disk.
  void SetUp() override {
    Load();
    for (const char* text : {"first", "second", "third"}) Push(text, true);
    ASSERT_TRUE(log_->Flush().ok());
    const Index third = log_->Durable();
    Take(old_, third - 1);
    const auto disk = std::make_shared<CrashDisk>();
    ASSERT_NO_FATAL_FAILURE(LoadOn(disk));
    witness_ = ReadFile(dir_ + "/witness");
    disk->Watch(dir_ + "/db");
    Take(new_, third);
    finished_ = disk->moments().size();
    log_.reset();
    moments_ = disk->moments();
  }

  void LoadOn(std::shared_ptr<CrashDisk> disk) {
    log_.reset();
    RocksLogOptions options = SnapshotOptions();
    options.file_system = std::move(disk);
    const Status status = TryLoad(options);
    ASSERT_TRUE(status.ok()) << status.text();
  }

  void Leave(const Files& files) const {
    std::filesystem::remove_all(dir_ + "/db");
    std::filesystem::create_directory(dir_ + "/db");
    for (const auto& [name, bytes] : files) WriteFile(dir_ + "/db/" + name, bytes);
    WriteFile(dir_ + "/witness", witness_);
  }

  // Which of the two a start finds: one of them, whole, and nothing else.
  bool LoadsNew() {
    LoadOn(std::make_shared<CrashDisk>());
    const bool is_new = mark_.number != 1;
    EXPECT_EQ(rows_, is_new ? new_ : old_);
    EXPECT_EQ(heard_.texts, is_new ? Texts{} : Texts{"third"});
    EXPECT_TRUE(StrayTables().empty());
    EXPECT_EQ(FamilyNames().size(), 3U) << "meta, a segment, a snapshot";
    return is_new;
  }

  void ExpectOldThenNew(Files CrashDisk::Moment::*left_by_crash) {
    const Files* before = nullptr;
    bool is_new = false;
    int starts = 0;
    for (size_t i = 0; i < moments_.size(); ++i) {
      const Files& files = moments_[i].*left_by_crash;
      // What is in no file yet, or changes only what a sync promises, was tried before.
      if (before == nullptr || files != *before) {
        const bool was_new = is_new;
        Leave(files);
        is_new = LoadsNew();
        EXPECT_TRUE(is_new || !was_new) << "fell back to the old one";
        ++starts;
      }
      EXPECT_TRUE(is_new || i < finished_) << "it was said to be on disk";
      if (HasFailure()) FAIL() << "before change " << i << " of " << moments_.size();
      before = &files;
    }
    EXPECT_TRUE(is_new);
    EXPECT_GT(starts, 8);
  }

  const Rows old_ = MakeRows("old", 100);
  const Rows new_ = MakeRows("new", 900);
  std::string witness_;
  std::vector<CrashDisk::Moment> moments_;
  size_t finished_ = 0;  // how many of them there were when Finish returned
};

TEST_F(SnapshotCrashTest, AKillAtAnyStepLeavesTheOldOneOrTheNewOne) {
  ExpectOldThenNew(&CrashDisk::Moment::after_kill);
}

TEST_F(SnapshotCrashTest, APowerLossAtAnyStepLeavesTheOldOneOrTheNewOne) {
  ExpectOldThenNew(&CrashDisk::Moment::after_power_loss);
}

TEST_F(SnapshotCrashTest, AfterACrashTheNextSnapshotSucceeds) {
  Leave(moments_[moments_.size() / 3].after_power_loss);
  ASSERT_FALSE(LoadsNew());
  Load();
  Take(new_, log_->Durable());
  EXPECT_TRUE(LoadsNew());
}

class SnapshotFaultTest : public SnapshotTest {
 protected:
  void SetUp() override {
    RocksLogOptions options = SnapshotOptions();
    options.file_system = disk_;
    ASSERT_TRUE(TryLoad(options).ok());
    Take(old_, 0);
  }

  void ExpectFatalAndOld() {
    EXPECT_EQ(TryTake(MakeRows("new", 2000), 0).code(), Status::Code::kIo);
    EXPECT_EQ(Fatal().size(), 1U);
    Load();
    EXPECT_EQ(rows_, old_);
  }

  const Rows old_ = MakeRows("old", 300);
  std::shared_ptr<FaultyDisk> disk_ = std::make_shared<FaultyDisk>();
};

TEST_F(SnapshotFaultTest, AFailedWriteIsFatal) {
  disk_->FailAppend(".sst", 2);
  ExpectFatalAndOld();
}

TEST_F(SnapshotFaultTest, AFailedSyncIsFatal) {
  disk_->FailSync(".sst", 2);
  ExpectFatalAndOld();
}

TEST_F(SnapshotFaultTest, AFailedSyncIsToldByTheWriteThatMetIt) {
  ASSERT_TRUE(snapshots().Begin().ok());
  disk_->FailSync(".sst", 1);
  Status status;
  for (const auto& [key, value] : MakeRows("new", 2000)) {
    if (status = snapshots().Write(key, value); !status.ok()) break;
  }
  EXPECT_EQ(status.code(), Status::Code::kIo);
  EXPECT_EQ(Fatal().size(), 1U);
}

TEST_F(SnapshotFaultTest, AFailedWriteOfTheMarkIsFatal) {
  disk_->FailAppend(".log", 1);
  ExpectFatalAndOld();
}

}  // namespace
}  // namespace holdfast
