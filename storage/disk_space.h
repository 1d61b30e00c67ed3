// DiskSpace: the reserve. A write that fails for want of space stops the process, so growth is
// refused while there is still room for what must go on: confirming, releasing, expiring, the
// segment made ahead, and the second copy that RocksDB makes of each record when it moves from the
// write-ahead log into a table.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "storage/base/status.h"

namespace holdfast {

class DiskSpace {
 public:
  // Low when fewer than `reserve_bytes` are free in the file system of `directory`; 0: never.
  DiskSpace(std::string directory, uint64_t reserve_bytes)
      : directory_(std::move(directory)), reserve_bytes_(reserve_bytes) {}

  // Any thread. Asks the file system (microseconds). Call it about every 100 ms, for what others
  // write.
  void Look();

  // The log thread. So much was written, and will be again when it moves into a table: looks when
  // it has become a part of the reserve worth looking at.
  void Wrote(uint64_t bytes);

  // As Look, told what is free. Low below the reserve, no longer low an eighth above it: between
  // the two it stays as it was, or a disk at the edge would refuse and accept by turns.
  void Judge(uint64_t free_bytes);

  // Any thread. Asks the file system: with `bytes` more, would half of the reserve still be left?
  // True without a reserve. For what is worth more than growth, and could still take everything.
  bool LeavesHalf(uint64_t bytes) const;

  // Any thread.
  bool low() const { return low_.load(std::memory_order_relaxed); }
  uint64_t free_bytes() const { return free_bytes_.load(std::memory_order_relaxed); }
  void SetReserve(uint64_t bytes) { reserve_bytes_.store(bytes, std::memory_order_relaxed); }

 private:
  const std::string directory_;
  std::atomic<uint64_t> reserve_bytes_;
  std::atomic<uint64_t> free_bytes_{0};
  std::atomic<bool> low_{false};
  std::mutex judging_;  // two looks at once must not judge each other's
  uint64_t wrote_ = 0;  // since Wrote looked last; the log thread's
};

}  // namespace holdfast
