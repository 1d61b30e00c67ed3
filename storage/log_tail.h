// LogTail: the last records of the log in memory, for those who send them to replicas: a live
// stream reads no disk, and does not wait for the local sync. Kept only while somebody reads.
//
// A record is here before it is written, and stays at least until it can be read from the segments.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

class LogTail {
 public:
  explicit LogTail(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // --- The log thread, or whoever holds it up.
  bool has_readers() const { return readers_.load(std::memory_order_acquire) > 0; }
  // It is about to be written. Wakes the readers.
  void Add(SealedRecord record);
  // Can be read from the segments up to here.
  void Written(Index last);
  void Clear();

  // --- Any thread.
  void Attach(Waker* waker);
  void Detach(Waker* waker);
  // As LogSegments::ReadBehind. False: it does not reach back so far.
  bool ReadBehind(Index after, uint64_t bytes_max, std::vector<SealedRecord>& out) const;

 private:
  void DropOld();

  const uint64_t bytes_max_;
  std::atomic<int> readers_{0};
  mutable std::mutex mutex_;
  // Under mutex_.
  std::deque<SealedRecord> records_;
  uint64_t bytes_ = 0;
  Index written_ = 0;
  std::vector<Waker*> wakers_;
};

}  // namespace holdfast
