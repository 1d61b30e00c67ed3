// LogReader: reads the records of a running log, those that are not synced yet, too. It keeps its
// place, and the log from there on, as far as RocksLogOptions::pinned_bytes_max lets it.
//
// Owner: one thread, any. Disturbs nobody: the last records come from memory, others from the
// database beside the log thread. Must go before its log does.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/base/status.h"
#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

class LogSegments;
class LogTail;

class LogReader {
 public:
  // The place is behind the batch `after`. `waker` is woken when there is more.
  LogReader(LogSegments& segments, LogTail& tail, Index after, Waker* waker);
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // The records behind the place, in order, until they reach bytes_max (one in any case); none:
  // there is no more yet. The place is behind them then. kNotFound: they were trimmed away.
  // kInvalid: no record begins there.
  Status Read(uint64_t bytes_max, std::vector<SealedRecord>& out);
  Index place() const { return place_; }
  void SeekBehind(Index after) { place_ = after; }
  // Keeps the log behind `after`: what was read, but may be asked for again.
  void KeepBehind(Index after);

 private:
  LogSegments& segments_;
  LogTail& tail_;
  Waker* const waker_;
  Index place_;
};

}  // namespace holdfast
