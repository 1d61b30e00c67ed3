// Backups of a log that goes on meanwhile, and what a restore brings back.
#include "storage/backups.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "storage/database.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using Millis = std::chrono::milliseconds;

class BackupsTest : public SnapshotTest {
 protected:
  void Begin() {
    ASSERT_TRUE(TryLoad().ok());
    MakeBackups();
  }

  void MakeBackups() {
    backups_ = std::make_unique<Backups>(
        *log_, Backups::Options{.now = [] { return FromUnixMs(1795288322993); },
                                .tell = [](const std::string&) {}});
  }

  // `count` batches, durable when it returns the last one's index.
  Index Write(int count, size_t bytes = 100) {
    Index last = 0;
    for (int i = 0; i < count; ++i) last = Push("batch " + std::string(bytes, 'x'), true);
    AwaitDurable(last);
    return last;
  }

  std::shared_ptr<const BackupJob> Run(uint32_t keep = 0) {
    auto job = backups_->Begin({.directory = backup_dir_, .keep = keep, .bytes_per_second = 0});
    if (job == nullptr) return job;
    while (!job->done()) std::this_thread::sleep_for(Millis(1));
    return job;
  }

  Status Restore(uint32_t number = 0) {
    const auto nobody = [](uint64_t, uint64_t) {};
    return RestoreBackup(backup_dir_, number, restored_, nobody, info_);
  }

  // A start on what was restored.
  Status TryRestored() {
    backups_.reset();
    log_.reset();
    RocksLogOptions options = SnapshotOptions();
    options.directory = restored_;
    return TryLoad(options);
  }

  std::vector<fs::path> FilesOf(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(backup_dir_ + "/" + folder))
      if (entry.is_regular_file()) files.push_back(entry.path());
    return files;
  }

  static void FlipAByte(const fs::path& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(fs::file_size(path) / 2));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
    file.put(byte);
  }

  std::string backup_dir_ = temp_ / "backups";
  std::string restored_ = temp_ / "restored";
  BackupInfo info_;
  std::unique_ptr<Backups> backups_;
};

TEST_F(BackupsTest, ARestoreBringsEverythingBackThatWasDurable) {
  Begin();
  const Index last = Write(50);
  const auto job = Run();
  ASSERT_TRUE(job->status().ok()) << job->status().text();
  EXPECT_EQ(job->made().number, 1U);
  EXPECT_EQ(job->made().mark.index, last);
  EXPECT_EQ(job->kept(), 1U);
  Write(20);
  const HistoryId history = log_->history().id;

  ASSERT_TRUE(Restore().ok());
  EXPECT_EQ(info_, job->made());
  ASSERT_TRUE(TryRestored().ok());
  EXPECT_EQ(replayed_.last, last);
  EXPECT_EQ(heard_.texts.size(), 50U);
  EXPECT_EQ(log_->history().id, history);
}

// It has the same data, and may have them beside the one that the backup was taken from.
TEST_F(BackupsTest, ARestoredDirectoryIsAnotherNodeThatHasPromisedNothing) {
  Begin();
  Write(1);
  const NodeId node = log_->node();
  const Epoch epoch = log_->history().epoch;
  ASSERT_TRUE(Run()->status().ok());
  ASSERT_TRUE(Restore().ok());
  backups_.reset();
  log_.reset();
  RocksLogOptions options = SnapshotOptions();
  options.directory = restored_;
  std::unique_ptr<RocksLog> log;
  ASSERT_TRUE(RocksLog::Open(options, log).ok());
  const NodeId restored = log->node();
  EXPECT_NE(restored, node);
  EXPECT_EQ(log->promise(), (Promise{.epoch = epoch})) << "to nobody";
  log.reset();
  ASSERT_TRUE(TryRestored().ok());
  EXPECT_EQ(log_->node(), restored) << "and stays it";
  EXPECT_EQ(log_->epochs().group().primary, restored);
}

// The part of the log in which the epoch began may be gone when the backup is taken.
TEST_F(BackupsTest, OfATrimmedLogTheRestoredOneKnowsItsEpoch) {
  RocksLogOptions options = SnapshotOptions();
  options.segment_bytes = 16 << 10;
  ASSERT_TRUE(TryLoad(options).ok());
  MakeBackups();
  while (log_->Stats().segments < 4) Write(1, 4 << 10);
  const Index cut = log_->Durable();
  Take(MakeRows("taken", 10), cut);
  log_->Trim(cut + 1);
  while (log_->Stats().segments > 2) std::this_thread::yield();
  const Epochs epochs = log_->epochs();
  ASSERT_TRUE(Run()->status().ok());
  ASSERT_TRUE(Restore().ok());
  const Status status = TryRestored();
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_GT(replayed_.first, 1U);
  EXPECT_EQ(log_->epochs().starts().front(), epochs.starts().front());
}

TEST_F(BackupsTest, WhatNobodyWaitsForIsInItToo) {
  RocksLogOptions options = SnapshotOptions();
  options.stock_sync = options.ordinary_sync = SyncPolicy::kNo;
  ASSERT_TRUE(TryLoad(options).ok());
  MakeBackups();
  for (int i = 0; i < 50; ++i) Push("batch");
  EXPECT_EQ(Run()->made().mark.index, opening() + 50);
}

TEST_F(BackupsTest, ASnapshotComesAlongAndOnlyTheLogBehindItIsReplayed) {
  Begin();
  const Index cut = Write(30);
  const Rows rows = MakeRows("taken", 500);
  Take(rows, cut);
  Write(5);
  ASSERT_TRUE(Run()->status().ok());
  ASSERT_TRUE(Restore().ok());
  ASSERT_TRUE(TryRestored().ok());
  EXPECT_EQ(rows_, rows);
  EXPECT_EQ(heard_.texts.size(), 5U);
}

TEST_F(BackupsTest, WhatDidNotChangeIsNotCopiedAgain) {
  Begin();
  Take(MakeRows("taken", 2000, 1000), 0);
  ASSERT_TRUE(Run()->status().ok());
  Write(10);
  const auto second = Run();
  ASSERT_TRUE(second->status().ok());
  EXPECT_GT(second->made().bytes, uint64_t{1} << 20);
  EXPECT_LT(second->made().bytes_own, uint64_t{100} << 10);
}

TEST_F(BackupsTest, AnyOfThemCanBeRestoredAndOldOnesGo) {
  Begin();
  std::vector<Index> lasts;
  for (int i = 0; i < 4; ++i) {
    lasts.push_back(Write(10));
    ASSERT_TRUE(Run(3)->status().ok());
  }
  std::vector<BackupInfo> all;
  ASSERT_TRUE(ListBackups(backup_dir_, all).ok());
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.front().number, 2U);
  EXPECT_EQ(all.front().mark.index, lasts[1]);

  const Status gone = Restore(1);
  EXPECT_EQ(gone.code(), Status::Code::kInvalid);
  EXPECT_NE(gone.text().find("there are 2 3 4"), std::string::npos) << gone.text();
  ASSERT_TRUE(Restore(3).ok());
  ASSERT_TRUE(TryRestored().ok());
  EXPECT_EQ(replayed_.last, lasts[2]);
}

// Segments come and go, snapshots become current, and batches are written all the time.
TEST_F(BackupsTest, OfALogUnderLoadEachIsWholeUpToItsIndex) {
  Begin();
  std::atomic<bool> stop{false};
  std::thread load([&] {
    for (int i = 0; !stop; ++i) {
      Write(20, 2000);
      if (i % 5 == 4) {
        const Index cut = log_->Durable();
        Take(MakeRows("at " + std::to_string(cut), 50), cut);
        log_->Trim(cut + 1);
      }
    }
  });
  std::vector<BackupInfo> made;
  for (int i = 0; i < 10; ++i) {
    const auto job = Run();
    EXPECT_TRUE(job->status().ok()) << job->status().text();
    made.push_back(job->made());
  }
  stop = true;
  load.join();
  for (const BackupInfo& backup : made) {
    backups_.reset();
    log_.reset();
    fs::remove_all(restored_);
    ASSERT_TRUE(Restore(backup.number).ok());
    const Status status = TryRestored();
    ASSERT_TRUE(status.ok()) << status.text();
    EXPECT_GE(replayed_.last, backup.mark.index);
  }
}

TEST_F(BackupsTest, ALogThatEndsBeforeItsMarkIsRefused) {
  Begin();
  Write(50);
  ASSERT_TRUE(Run()->status().ok());
  ASSERT_TRUE(Restore().ok());
  // As if the last records had not been copied.
  for (const auto& entry : fs::directory_iterator(restored_ + "/db")) {
    if (entry.path().extension() == ".log") fs::resize_file(entry.path(), 0);
  }
  EXPECT_EQ(TryRestored().code(), Status::Code::kDamaged);
}

TEST_F(BackupsTest, ADamagedFileIsNotRestored) {
  Begin();
  Take(MakeRows("taken", 2000, 1000), 0);
  ASSERT_TRUE(Run()->status().ok());
  const auto tables = FilesOf("shared_checksum");
  ASSERT_FALSE(tables.empty());
  FlipAByte(tables.front());
  const Status status = Restore();
  EXPECT_EQ(status.code(), Status::Code::kDamaged) << status.text();
  // What is half there is nobody's data, and a second try begins anew.
  EXPECT_EQ(TryRestored().code(), Status::Code::kInvalid);
  FlipAByte(tables.front());
  ASSERT_TRUE(Restore().ok());
  EXPECT_TRUE(TryRestored().ok());
}

// The files of the first are checked again, for the second stands on them.
TEST_F(BackupsTest, ABackupOnDamagedOnesFailsAndSaysSo) {
  Begin();
  Take(MakeRows("taken", 2000, 1000), 0);
  ASSERT_TRUE(Run()->status().ok());
  FlipAByte(FilesOf("shared_checksum").front());
  const auto job = Run();
  EXPECT_FALSE(job->status().ok());
  EXPECT_TRUE(backups_->figures().last_failed);
  EXPECT_EQ(backups_->figures().failed, 1U);
}

TEST_F(BackupsTest, WhatAKilledOneLeftIsRemovedByTheNext) {
  Begin();
  Write(10);
  ASSERT_TRUE(Run()->status().ok());
  fs::create_directory(backup_dir_ + "/private/7");
  std::ofstream(backup_dir_ + "/private/7/000007.log") << "half";
  std::ofstream(backup_dir_ + "/shared_checksum/000099_s1_5.sst") << "half";
  std::ofstream(backup_dir_ + "/meta/7.tmp") << "half";
  const auto job = Run();
  ASSERT_TRUE(job->status().ok()) << job->status().text();
  EXPECT_EQ(job->kept(), 2U);
  EXPECT_FALSE(fs::exists(backup_dir_ + "/shared_checksum/000099_s1_5.sst"));
  EXPECT_FALSE(fs::exists(backup_dir_ + "/private/7"));
}

TEST_F(BackupsTest, AStrangersDirectoryIsRefused) {
  Begin();
  fs::create_directory(backup_dir_);
  std::ofstream(backup_dir_ + "/photo.jpg") << "cat";
  const auto job = Run();
  EXPECT_EQ(job->status().code(), Status::Code::kInvalid);
  EXPECT_NE(job->status().text().find("photo.jpg"), std::string::npos);
  EXPECT_EQ(Restore().code(), Status::Code::kInvalid);
}

TEST_F(BackupsTest, BackupsOfOtherDataAreNotAddedTo) {
  Begin();
  Write(10);
  ASSERT_TRUE(Run()->status().ok());
  backups_.reset();
  log_.reset();
  fs::remove_all(dir_);
  Begin();
  Write(10);
  const auto job = Run();
  EXPECT_EQ(job->status().code(), Status::Code::kInvalid);
  EXPECT_NE(job->status().text().find("other data"), std::string::npos) << job->status().text();
}

TEST_F(BackupsTest, TwoProcessesDoNotWriteOneDirectory) {
  Begin();
  Write(10);
  ASSERT_TRUE(Run()->status().ok());
  const int fd = open((backup_dir_ + "/holdfast.lock").c_str(), O_RDWR);
  ASSERT_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(Run()->status().code(), Status::Code::kBusy);
  close(fd);
  EXPECT_TRUE(Run()->status().ok());
}

TEST_F(BackupsTest, NothingIsRestoredOverData) {
  Begin();
  Write(10);
  ASSERT_TRUE(Run()->status().ok());
  ASSERT_TRUE(Restore().ok());
  const Status status = Restore();
  EXPECT_EQ(status.code(), Status::Code::kInvalid);
  EXPECT_NE(status.text().find("holds data"), std::string::npos) << status.text();
  EXPECT_TRUE(TryRestored().ok());
}

TEST_F(BackupsTest, ARestoreThatWasKilledIsRepeated) {
  Begin();
  const Index last = Write(10);
  ASSERT_TRUE(Run()->status().ok());
  ASSERT_TRUE(Restore().ok());
  // Just before its last step.
  fs::rename(restored_ + "/db", restored_ + "/db.restoring");
  const Status refused = TryRestored();
  EXPECT_EQ(refused.code(), Status::Code::kInvalid);
  EXPECT_NE(refused.text().find("cut short"), std::string::npos) << refused.text();
  ASSERT_TRUE(Restore().ok());
  ASSERT_TRUE(TryRestored().ok());
  EXPECT_EQ(replayed_.last, last);
}

TEST_F(BackupsTest, AStopGivesTheRunningOneUp) {
  Begin();
  Take(MakeRows("taken", 4000, 4000), 0);
  const auto job =
      backups_->Begin({.directory = backup_dir_, .keep = 0, .bytes_per_second = uint64_t{8} << 20});
  EXPECT_EQ(Run(), nullptr);  // one at a time
  while (backups_->figures().bytes_copied == 0) std::this_thread::sleep_for(Millis(1));
  backups_->Stop();
  ASSERT_TRUE(job->done());
  EXPECT_FALSE(job->status().ok());
  MakeBackups();
  EXPECT_TRUE(Run()->status().ok());
}

TEST_F(BackupsTest, NoSnapshotBecomesTheCurrentOneWhileOneIsMade) {
  Begin();
  std::atomic<bool> taken{false};
  auto held = snapshots().HoldCurrent();
  std::thread snapshot([&] {
    Take(MakeRows("taken", 10), 0);
    taken = true;
  });
  std::this_thread::sleep_for(Millis(100));
  EXPECT_FALSE(taken);
  held.unlock();
  snapshot.join();
  EXPECT_TRUE(taken);
}

}  // namespace
}  // namespace holdfast
