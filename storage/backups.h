// Backups: makes one when asked, on a thread of its own (storage/backup_directory.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "storage/backup_directory.h"
#include "storage/base/server_time.h"
#include "storage/base/status.h"
#include "storage/waker.h"

namespace holdfast {

class RocksLog;

struct BackupRequest {
  std::string directory;          // absolute
  uint32_t keep = 0;              // the newest so many stay; 0: all
  uint64_t bytes_per_second = 0;  // that are written at most; 0: no limit
};

// One backup in the making, and then what became of it.
class BackupJob {
 public:
  // Any thread. From true on the rest may be read.
  bool done() const { return done_.load(std::memory_order_acquire); }
  // Not ok: there is no new backup, or an old one could not be removed; the rest are as they were.
  const Status& status() const { return status_; }
  const BackupInfo& made() const { return made_; }
  uint64_t kept() const { return kept_; }  // backups in the directory now
  DurationMs took() const { return took_; }

 private:
  friend class Backups;
  std::atomic<bool> done_{false};
  Status status_;
  BackupInfo made_;
  uint64_t kept_ = 0;
  DurationMs took_{0};
};

struct BackupFigures {
  bool running = false;
  uint64_t bytes_copied = 0;  // by the running one, or by the last
  uint64_t complete = 0;      // since the start
  uint64_t failed = 0;
  bool last_failed = false;
  // Of the last complete one.
  BackupInfo last;
  DurationMs last_took{0};
};

class Backups {
 public:
  struct Options {
    std::function<UnixMs()> now;  // the server's clock; any thread
    // Told on the backup's thread, a line each; for the operator.
    std::function<void(const std::string&)> tell;
  };

  // `log` was started, and outlives it.
  Backups(RocksLog& log, Options options);
  ~Backups() { Stop(); }

  // Before the first Begin. Woken when a backup is done.
  void AddWaker(Waker* waker) { wakers_.push_back(waker); }
  // Gives up the one that is being made, for good.
  void Stop();

  // ---- any thread

  // Null: one is being made. Shared: a client who waits may go before it is done, and the next one
  // may begin before he has looked.
  std::shared_ptr<const BackupJob> Begin(BackupRequest request);
  BackupFigures figures() const;

 private:
  void Run(const BackupRequest& request, BackupJob& job);
  Status AwaitDurable();
  Status Make(const BackupRequest& request, BackupJob& job);

  RocksLog& log_;
  const Options options_;
  std::vector<Waker*> wakers_;

  mutable std::mutex mutex_;
  // All below: under mutex_.
  bool stop_ = false;
  BackupDirectory* directory_ = nullptr;  // that is being written
  BackupFigures figures_;
  std::thread thread_;
};

}  // namespace holdfast
