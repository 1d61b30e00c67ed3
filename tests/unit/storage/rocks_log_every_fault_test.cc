// One day of a log: a first start, batches over two segments, a snapshot, a trim, a stop, another
// start. Whichever call to the disk goes wrong in it, the process stops and says why, nothing is
// acknowledged afterwards, and a start from what the disk then holds finds every acknowledged
// batch and nothing that was not pushed. The fault happens once: who tries again in silence
// succeeds, and is found out.
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/storage/database_crash_disk.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {
namespace {

using Call = CrashDisk::Call;
using Effect = CrashDisk::Effect;

// Under a sanitizer a day takes several times as long: some of the calls must do.
#ifdef HOLDFAST_SANITIZED
constexpr uint64_t kStride = 7;
#else
constexpr uint64_t kStride = 1;
#endif

constexpr auto kPatience = std::chrono::seconds(20);

class EveryFaultTest : public SnapshotTest {
 protected:
  RocksLogOptions DayOptions(std::shared_ptr<CrashDisk> disk) {
    RocksLogOptions options = SnapshotOptions();
    options.file_system = std::move(disk);
    options.segment_bytes = 8 << 10;
    options.snapshot_run_bytes = 8 << 10;
    options.fatal = [this](const Status& status) {
      const std::lock_guard lock(mutex_);
      // The server would end here.
      if (reasons_.empty()) SeeWhatIsLeft();
      reasons_.push_back(status.text());
    };
    return options;
  }
  void SeeWhatIsLeft() {
    left_ = disk_->Look();
    witness_ = ReadFile(dir_ + "/witness");
  }
  std::vector<std::string> Reasons() {
    const std::lock_guard lock(mutex_);
    return reasons_;
  }
  bool Stopped() { return !Reasons().empty(); }

  // ---- the day; each step false when the process stopped

  template <typename F>
  bool Await(F&& done) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!done() && !Stopped()) {
      if (std::chrono::steady_clock::now() > until) {
        ADD_FAILURE() << "waited in vain";
        return false;
      }
      std::this_thread::yield();
    }
    return !Stopped();
  }

  bool PushSome(int batches) {
    for (int i = 0; i < batches; ++i) {
      std::string text = "batch " + std::to_string(texts_.size() + 1);
      text.resize(1500, '.');
      const Index index = Push(text, true);
      texts_.emplace(index, std::move(text));
      const bool lives = Await([&] { return log_->Durable() >= index; });
      acked_ = std::max(acked_, log_->Durable());
      if (!lives) return false;
    }
    return true;
  }

  bool StartAgain() {
    log_.reset();
    if (Stopped()) return false;  // while it closed
    started_ = TryLoad(DayOptions(disk_));
    return started_.ok() && !Stopped();
  }

  bool TakeSnapshot() {
    cut_ = acked_;
    snapshot_done_ = TryTake(snapshot_, cut_).ok();
    return snapshot_done_;
  }

  bool TrimAway() {
    const uint64_t before = log_->Stats().segments;
    log_->Trim(acked_ + 1);
    return Await([&] { return log_->Stats().segments < before; });
  }

  bool Day() {
    return StartAgain() && PushSome(4) && Await([&] { return log_->Stats().segments > 1; }) &&
           PushSome(4) && TakeSnapshot() && TrimAway() && PushSome(2) && log_->Flush().ok() &&
           StartAgain() && PushSome(2) && log_->Flush().ok();
  }

  void BeginDay(const CrashDisk::Fault& fault) {
    log_.reset();
    dir_ = temp_ / ("data-" + std::to_string(++days_));
    reasons_.clear();
    texts_.clear();
    acked_ = cut_ = 0;
    snapshot_done_ = false;
    started_ = Status::Ok();
    disk_ = std::make_shared<CrashDisk>();
    disk_->Plan(dir_ + "/db", fault);
  }

  // ---- what must be so afterwards

  // Nothing may become durable any more, though the disk works again.
  void ExpectDead() {
    if (log_ == nullptr) {
      EXPECT_TRUE(Stopped() || !started_.ok());
      if (!Stopped()) SeeWhatIsLeft();
      return;
    }
    ASSERT_FALSE(Await([] { return false; })) << "nobody was told";
    const Index late = Push("too late", true);
    EXPECT_FALSE(log_->Flush().ok());
    EXPECT_LT(log_->Durable(), late);
    EXPECT_EQ(Reasons().size(), 1U);
  }

  void Leave(const Files& files) const {
    std::filesystem::remove_all(dir_ + "/db");
    std::filesystem::create_directory(dir_ + "/db");
    for (const auto& [name, bytes] : files) WriteFile(dir_ + "/db/" + name, bytes);
    WriteFile(dir_ + "/witness", witness_);
  }

  // What the last start found.
  void ExpectWhole() {
    const bool is_new = mark_.number != 0;
    EXPECT_TRUE(is_new || !snapshot_done_) << "a snapshot that was said to be on disk is gone";
    EXPECT_EQ(rows_, is_new ? snapshot_ : Rows{});
    auto next = texts_.upper_bound(is_new ? cut_ : 0);
    for (size_t i = 0; i < heard_.indexes.size(); ++i, ++next) {
      ASSERT_TRUE(next != texts_.end());
      ASSERT_EQ(heard_.indexes[i], next->first);
      ASSERT_EQ(heard_.texts[i], next->second);
    }
    EXPECT_TRUE(next == texts_.end() || next->first > acked_) << "acknowledged and gone";
  }

  void ExpectAllFrom(const Files& files) {
    log_.reset();
    Leave(files);
    const Status status = TryLoad(DayOptions(std::make_shared<CrashDisk>()));
    ASSERT_TRUE(status.ok()) << status.text();
    ExpectWhole();
  }

  // How many calls of the kind the day has; each of them went wrong once.
  uint64_t ExpectEachStops(Call call, Effect effect = Effect::kFails) {
    for (uint64_t k = 1;; k += kStride) {
      SCOPED_TRACE("call " + std::to_string(k));
      BeginDay({.call = call, .in = k, .effect = effect});
      const bool went_well = Day();
      if (!disk_->FaultMet()) {
        EXPECT_TRUE(went_well);
        return k - 1;
      }
      ExpectDead();
      ExpectAllFrom(left_.after_kill);
      if (left_.after_power_loss != left_.after_kill) ExpectAllFrom(left_.after_power_loss);
      if (HasFailure()) return k;
    }
  }

  std::mutex mutex_;
  std::vector<std::string> reasons_;
  int days_ = 0;
  std::shared_ptr<CrashDisk> disk_;
  CrashDisk::Moment left_;  // when the process stopped
  std::string witness_;
  std::map<Index, std::string> texts_;  // all but the openings
  Index acked_ = 0;
  Index cut_ = 0;
  bool snapshot_done_ = false;
  Status started_;
  const Rows snapshot_ = MakeRows("row", 60, 200);
};

// Of what a start reads, the k-th read fails, ends early or brings other bytes of the file.
class EveryReadTest : public EveryFaultTest {
 protected:
  void ExpectRefusedOrWhole(Effect effect, uint64_t stride) {
    BeginDay({.call = Call::kRead, .in = 0});
    ASSERT_TRUE(Day());
    log_.reset();
    SeeWhatIsLeft();
    uint64_t refused = 0;
    for (uint64_t k = 1;; k += stride) {
      SCOPED_TRACE("read " + std::to_string(k));
      Leave(left_.after_kill);
      reasons_.clear();
      disk_ = std::make_shared<CrashDisk>();
      disk_->Plan(dir_ + "/db", {.call = Call::kRead, .in = k, .effect = effect});
      const Status status = TryLoad(DayOptions(disk_));
      log_.reset();
      if (!disk_->FaultMet()) break;
      status.ok() ? ExpectWhole() : void(++refused);
      if (HasFailure()) return;
    }
    EXPECT_GT(refused, 5 / kStride);
  }
};

TEST_F(EveryReadTest, WhicheverFails) { ExpectRefusedOrWhole(Effect::kFails, 3 * kStride); }
TEST_F(EveryReadTest, WhicheverEndsEarly) { ExpectRefusedOrWhole(Effect::kTears, 3 * kStride); }
TEST_F(EveryReadTest, WhicheverIsMisdirected) {
  ExpectRefusedOrWhole(Effect::kMisdirected, kStride);
}

TEST_F(EveryFaultTest, WhicheverWriteFails) { EXPECT_GT(ExpectEachStops(Call::kAppend), 40U); }

TEST_F(EveryFaultTest, WhicheverWriteIsTorn) {
  EXPECT_GT(ExpectEachStops(Call::kAppend, Effect::kTears), 40U);
}

TEST_F(EveryFaultTest, WhicheverSyncFails) { EXPECT_GT(ExpectEachStops(Call::kSync), 20U); }

TEST_F(EveryFaultTest, WhicheverSyncOfTheDirectoryFails) {
  EXPECT_GT(ExpectEachStops(Call::kSyncDirectory), 3U);
}

TEST_F(EveryFaultTest, WhicheverFileCannotBeMade) { EXPECT_GT(ExpectEachStops(Call::kCreate), 8U); }

TEST_F(EveryFaultTest, WhicheverFileCannotBeNamed) {
  EXPECT_GT(ExpectEachStops(Call::kRename), 1U);
}

TEST_F(EveryFaultTest, WhicheverTableCannotBeTakenOver) {
  EXPECT_GT(ExpectEachStops(Call::kLink), 1U);
}

}  // namespace
}  // namespace holdfast
