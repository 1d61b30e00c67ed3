// Crashes and failing disks while a node takes another one's state: a start finds what was there
// before, the new state whole, or nothing but the node, and never any of both.
#include <atomic>

#include <gtest/gtest.h>

#include "storage/check/inspection.h"
#include "tests/unit/storage/database_crash_disk.h"
#include "tests/unit/storage/full_sync_test_support.h"

namespace holdfast {
namespace {

// Under a sanitizer a full sync takes several times as long: some of the calls must do.
#ifdef HOLDFAST_SANITIZED
constexpr int kStride = 7;
#else
constexpr int kStride = 1;
#endif

enum class Outcome : uint8_t { kOld, kEmpty, kNew };

class FullSyncCrashTest : public FullSyncTest {
 protected:
  void SetUp() override {
    FullSyncTest::SetUp();
    taker_.reset();
    std::filesystem::copy(taker_dir_, image_, std::filesystem::copy_options::recursive);
  }
  std::string Witness() const { return ReadFile(taker_dir_ + "/witness"); }
  std::shared_ptr<CrashDisk> OpenOnCrashDisk() {
    auto disk = std::make_shared<CrashDisk>();
    RocksLogOptions options = TakerOptions();
    options.file_system = disk;
    OpenTaker(options);
    return disk;
  }
  void Leave(const Files& files, const std::string& witness) {
    taker_.reset();
    std::filesystem::remove_all(taker_dir_);
    std::filesystem::create_directories(taker_dir_ + "/db");
    for (const auto& [name, bytes] : files) WriteFile(taker_dir_ + "/db/" + name, bytes);
    WriteFile(taker_dir_ + "/witness", witness);
    std::filesystem::copy_file(image_ + "/node", taker_dir_ + "/node");
  }
  // What a start finds, which must be one of the three and whole.
  Outcome Start() {
    const bool arriving = CheckTellsOfArriving();
    const Status status = TryOpenTaker(TakerOptions());
    EXPECT_TRUE(status.ok()) << status.text();
    if (!status.ok()) return Outcome::kEmpty;
    EXPECT_EQ(found_.anew, arriving);
    if (found_.history == old_history_) return ExpectOld(), Outcome::kOld;
    if (found_.history == transfer_.head.history.id) return ExpectSame(), Outcome::kNew;
    return ExpectEmpty(), Outcome::kEmpty;
  }
  // Then it must call the directory sound. (Otherwise it sees that the test's rows are no rows.)
  bool CheckTellsOfArriving() const {
    DataDirectory directory;
    EXPECT_TRUE(directory.OpenExisting(taker_dir_, false).ok());
    Progress progress([](const std::string&) {});
    CheckReport report;
    EXPECT_TRUE(Check(directory, {.state = false}, progress, report).ok());
    EXPECT_TRUE(report.sound() || !report.arriving) << ReportText(report);
    return report.arriving.has_value();
  }

  // ---- one full sync, watched

  struct Watched {
    std::vector<CrashDisk::Moment> moments;
    // How many there were when these returned.
    size_t begun = 0;
    size_t in_place = 0;
    size_t complete = 0;
    std::string witness_before;
    std::string witness_behind;
  };
  Watched Watch() {
    Watched watched;
    const auto disk = OpenOnCrashDisk();
    watched.witness_before = Witness();
    disk->Watch(taker_dir_ + "/db");
    EXPECT_TRUE(taker_->BeginInstall(transfer_.head).ok());
    watched.begun = disk->moments().size();
    EXPECT_TRUE(BringRows(transfer_).ok());
    EXPECT_TRUE(taker_->FinishInstall().ok());
    watched.in_place = disk->moments().size();
    EXPECT_TRUE(BringLog(transfer_));
    EXPECT_TRUE(taker_->CompleteInstall().ok());
    watched.complete = disk->moments().size();
    watched.witness_behind = Witness();
    taker_.reset();
    watched.moments = disk->moments();
    return watched;
  }
  // The witness is no file of the database's: while the old one may be there it is tried, and so is
  // the new one.
  void ExpectSoundStarts(const Watched& watched, Files CrashDisk::Moment::*left) {
    const Files* before = nullptr;
    Outcome last = Outcome::kOld;
    int starts = 0;
    for (size_t i = 0; i < watched.moments.size(); ++i) {
      const Files& files = watched.moments[i].*left;
      if (before != nullptr && files == *before) continue;
      before = &files;
      for (const bool behind : {false, true}) {
        if (behind ? i < watched.begun : i >= watched.in_place) continue;
        Leave(files, behind ? watched.witness_behind : watched.witness_before);
        const Outcome outcome = Start();
        EXPECT_GE(outcome, last) << "fell back";
        EXPECT_TRUE(outcome != Outcome::kOld || i < watched.begun);
        EXPECT_TRUE(outcome == Outcome::kNew || i < watched.complete);
        EXPECT_TRUE(outcome != Outcome::kNew || i > watched.in_place);
        last = outcome;
        ++starts;
        if (HasFailure()) FAIL() << "before change " << i << " of " << watched.moments.size();
      }
    }
    EXPECT_EQ(last, Outcome::kNew);
    EXPECT_GT(starts, 20);
  }

  const std::string image_ = temp_ / "image";
};

TEST_F(FullSyncCrashTest, AKillAtAnyStep) {
  ExpectSoundStarts(Watch(), &CrashDisk::Moment::after_kill);
}

TEST_F(FullSyncCrashTest, APowerLossAtAnyStep) {
  ExpectSoundStarts(Watch(), &CrashDisk::Moment::after_power_loss);
}

TEST_F(FullSyncCrashTest, AStartThatBeginsAnewMayCrashToo) {
  const Watched watched = Watch();
  const size_t middle = (watched.begun + watched.in_place) / 2;
  for (const auto left : {&CrashDisk::Moment::after_kill, &CrashDisk::Moment::after_power_loss}) {
    Leave(watched.moments[middle].*left, watched.witness_before);
    const auto disk = std::make_shared<CrashDisk>();
    disk->Watch(taker_dir_ + "/db");
    RocksLogOptions options = TakerOptions();
    options.file_system = disk;
    OpenTaker(options);
    EXPECT_TRUE(found_.anew);
    const std::string witness = Witness();
    taker_.reset();
    const Files* before = nullptr;
    int starts = 0;
    const auto moments = disk->moments();
    for (const CrashDisk::Moment& moment : moments) {
      const Files& files = moment.*left;
      if (before != nullptr && files == *before) continue;
      before = &files;
      Leave(files, witness);
      ASSERT_EQ(Start(), Outcome::kEmpty);
      ASSERT_FALSE(HasFailure());
      ++starts;
    }
    EXPECT_GT(starts, 10);
  }
}

TEST_F(FullSyncCrashTest, AfterACrashAFullSyncSucceeds) {
  const Watched watched = Watch();
  for (const size_t moment : {watched.begun, watched.in_place - 1, watched.in_place}) {
    Leave(watched.moments[moment].after_power_loss,
          moment < watched.in_place ? watched.witness_before : watched.witness_behind);
    ASSERT_EQ(Start(), Outcome::kEmpty);
    EXPECT_TRUE(found_.anew);
    ASSERT_TRUE(TakeAll(transfer_));
    taker_.reset();
    ASSERT_EQ(Start(), Outcome::kNew);
  }
}

// The k-th call to the disk fails, for every k: the process is told to stop, and a start from what
// the disk then holds is sound.
class FullSyncFaultTest : public FullSyncCrashTest {
 protected:
  // False: the fault was not met any more.
  bool TakeWith(const CrashDisk::Fault& fault) {
    taker_.reset();
    std::filesystem::remove_all(taker_dir_);
    std::filesystem::copy(image_, taker_dir_, std::filesystem::copy_options::recursive);
    const auto disk = std::make_shared<CrashDisk>();
    RocksLogOptions options = TakerOptions();
    options.file_system = disk;
    std::atomic<int> fatal{0};
    CrashDisk::Moment left;
    std::string witness;
    options.fatal = [&](const Status&) {
      // The server would end here.
      if (fatal++ > 0) return;
      left = disk->Look();
      witness = Witness();
    };
    OpenTaker(options);
    disk->Plan(taker_dir_ + "/db", fault);
    const bool taken = TakeAll(transfer_);
    taker_.reset();
    const bool met = disk->FaultMet();
    EXPECT_LE(fatal, met ? 1 : 0);
    EXPECT_TRUE(taken || fatal == 1);
    if (fatal == 0) {
      EXPECT_EQ(Start(), Outcome::kNew);
      return met;
    }
    // What the housekeeper does at the same time may meet it as well: then all was taken.
    Leave(left.after_kill, witness);
    Start();
    if (left.after_power_loss != left.after_kill) {
      Leave(left.after_power_loss, witness);
      Start();
    }
    return met;
  }
  int EachFails(CrashDisk::Call call) {
    for (int k = 1;; k += kStride) {
      SCOPED_TRACE("call " + std::to_string(k));
      const bool met = TakeWith({.call = call, .in = static_cast<uint64_t>(k)});
      if (!met || HasFailure()) return k - 1;
    }
  }
};

TEST_F(FullSyncFaultTest, WhicheverWriteFails) {
  EXPECT_GT(EachFails(CrashDisk::Call::kAppend), 40);
}
TEST_F(FullSyncFaultTest, WhicheverSyncFails) { EXPECT_GT(EachFails(CrashDisk::Call::kSync), 20); }
TEST_F(FullSyncFaultTest, WhicheverSyncOfTheDirectoryFails) {
  EXPECT_GT(EachFails(CrashDisk::Call::kSyncDirectory), 2);
}
TEST_F(FullSyncFaultTest, WhicheverFileCannotBeMade) {
  EXPECT_GT(EachFails(CrashDisk::Call::kCreate), 5);
}
TEST_F(FullSyncFaultTest, WhicheverTableCannotBeTakenOver) {
  EXPECT_GT(EachFails(CrashDisk::Call::kLink), 1);
}

}  // namespace
}  // namespace holdfast
