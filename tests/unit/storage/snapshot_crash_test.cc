// Crashes and failing disks while a snapshot is written: at any moment there is the old one or the
// new one, whole, and nothing else.
#include <gtest/gtest.h>

#include "tests/unit/storage/database_power_loss.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {
namespace {

using Texts = std::vector<std::string>;

enum class End : uint8_t { kKilled, kPowerLost };

class SnapshotCrashTest : public SnapshotTest {
 protected:
  // A directory with three batches and a snapshot of the first two.
  void LeaveOld() {
    Load();
    for (const char* text : {"first", "second", "third"}) Push(text, true);
    ASSERT_TRUE(log_->Flush().ok());
    Take(old_, 2);
    log_.reset();
    std::filesystem::rename(dir_, image_);
  }

  // A copy of it, whose disk fails at the k-th change of the next snapshot, of all three batches.
  // Whether it failed.
  bool CrashAt(int k, End end) {
    std::filesystem::remove_all(dir_);
    std::filesystem::copy(image_, dir_, std::filesystem::copy_options::recursive);
    const auto disk = std::make_shared<PowerLossDisk>();
    RocksLogOptions options = SnapshotOptions();
    options.file_system = disk;
    const Status started = TryLoad(options);
    EXPECT_TRUE(started.ok()) << started.text();
    if (!started.ok()) return false;
    disk->FailAt(k);
    taken_ = TryTake(new_, 3);
    log_.reset();
    if (end == End::kPowerLost) disk->LoseUnsynced();
    return disk->failed();
  }

  // Which of the two the next start found.
  bool LoadsNew() {
    Load();
    const bool is_new = mark_.number != 1;
    EXPECT_EQ(rows_, is_new ? new_ : old_);
    EXPECT_EQ(heard_.texts, is_new ? Texts{} : Texts{"third"});
    EXPECT_TRUE(StrayTables().empty());
    const size_t families = FamilyNames().size();
    EXPECT_EQ(families, 3U) << "meta, a segment, a snapshot";
    return is_new;
  }

  const std::string image_ = temp_ / "image";
  const Rows old_ = MakeRows("old", 300);
  const Rows new_ = MakeRows("new", 2000);
  Status taken_;
};

class SnapshotCrashEndTest : public SnapshotCrashTest, public testing::WithParamInterface<End> {};

TEST_P(SnapshotCrashEndTest, LeavesTheOldOneOrTheNewOneAtEveryStep) {
  LeaveOld();
  int olds = 0;
  int news = 0;
  for (int k = 1; CrashAt(k, GetParam()); ++k) {
    const bool finished = taken_.ok();
    const bool is_new = LoadsNew();
    EXPECT_TRUE(is_new || !finished) << "it was said to be on disk";
    ++(is_new ? news : olds);
    if (HasFailure()) FAIL() << "at step " << k;
  }
  EXPECT_TRUE(taken_.ok()) << taken_.text();
  EXPECT_TRUE(LoadsNew());
  EXPECT_GT(olds, 10);
  EXPECT_GT(news, 1) << "the mark is not the last that is written";
}

INSTANTIATE_TEST_SUITE_P(Ends, SnapshotCrashEndTest, testing::Values(End::kKilled, End::kPowerLost),
                         [](const auto& end) {
                           return end.param == End::kKilled ? "Killed" : "PowerLost";
                         });

TEST_F(SnapshotCrashTest, AfterACrashTheNextSnapshotSucceeds) {
  LeaveOld();
  ASSERT_TRUE(CrashAt(10, End::kPowerLost));
  ASSERT_FALSE(LoadsNew());
  Load();
  Take(new_, 3);
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

TEST_F(SnapshotFaultTest, AFailedWriteOfTheMarkIsFatal) {
  disk_->FailAppend(".log", 1);
  ExpectFatalAndOld();
}

}  // namespace
}  // namespace holdfast
