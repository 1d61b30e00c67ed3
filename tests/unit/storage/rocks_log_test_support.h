// A directory with a RocksLog in it, opened, replayed and started as a server does, and a disk
// under it that holds back or fails what it is told to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/file_system.h>

#include "storage/rocks_log.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {

// Stands between RocksDB and the disk. Files are told apart by the end of their names: ".log" is
// the write-ahead log, ".sst" a table.
class FaultyDisk : public rocksdb::FileSystemWrapper {
 public:
  FaultyDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyDisk"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* out,
                                    rocksdb::IODebugContext* dbg) override;

  // The k-th append to (sync of) files that end so fails from now on, and every one after it.
  void FailAppend(const std::string& ending, int k) { Plan(append_, ending, k); }
  void FailSync(const std::string& ending, int k) { Plan(sync_, ending, k); }
  // Syncs of files that end so wait until they are released.
  void HoldSyncs(const std::string& ending = ".log");
  void ReleaseSyncs();
  // Returns when a sync is being held.
  void AwaitHeldSync();

 private:
  class File;
  struct Fault {
    std::string ending;
    int left = 0;  // 0: none planned
  };
  void Plan(Fault& fault, const std::string& ending, int k);
  rocksdb::IOStatus Meet(Fault& fault, const std::string& name);
  void WaitWhileHeld(const std::string& name);

  std::mutex mutex_;
  std::condition_variable changed_;
  Fault append_;
  Fault sync_;
  std::string hold_;  // the ending; empty: none is held
  int held_ = 0;
};

class RocksLogTest : public testing::Test {
 protected:
  RocksLogOptions Options();

  // Opens, replays and starts; the log and what it heard are in log_, heard_, replayed_.
  Status TryStart(const RocksLogOptions& options, const Cuts& cuts = {});
  Status TryStart() { return TryStart(Options()); }
  void Start() { ASSERT_TRUE(TryStart().ok()); }
  void Restart() {
    log_.reset();
    const Status status = TryStart();
    ASSERT_TRUE(status.ok()) << status.text();
  }
  // The batch that opened the epoch of the last start; the first that is pushed comes behind it.
  Index opening() const { return log_->epochs().starts().back().first; }
  // A start must be refused as damaged, with a text that contains `naming` and a remedy.
  void ExpectDamaged(const std::string& naming);

  // The rows are RocksDB's: changes them behind our back, the server being down.
  using Families = std::vector<rocksdb::ColumnFamilyHandle*>;
  void ChangeDatabase(const std::function<void(rocksdb::DB& db, const Families& families)>& change);
  // The family of that name; null if there is none.
  static rocksdb::ColumnFamilyHandle* Find(const Families& families, const std::string& name);

  Index Push(const std::string& text, bool gated = false);
  void AwaitDurable(Index index);
  std::vector<std::string> Fatal();

  TempDir temp_;
  std::string dir_ = temp_ / "data";
  std::unique_ptr<RocksLog> log_;
  Heard heard_;
  Replayed replayed_;

 private:
  std::mutex fatal_mutex_;
  std::vector<std::string> fatal_;
};

}  // namespace holdfast
