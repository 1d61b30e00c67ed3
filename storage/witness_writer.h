// WitnessWriter: keeps the witness up to date from a thread of its own, so that it costs the log
// thread no sync: what one sync made durable is witnessed while the next one runs, or 100 ms later
// when none follows. Its tick also looks at the free space.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "storage/disk_space.h"
#include "storage/group.h"
#include "storage/log.h"
#include "storage/witness.h"

namespace holdfast {

class WitnessWriter {
 public:
  // `mark` is what the witness says now. The arguments must outlive it.
  WitnessWriter(Witness& witness, const WitnessMark& mark, DiskSpace& space, FatalHandler fatal);
  // Stops without a last write.
  ~WitnessWriter();
  WitnessWriter(const WitnessWriter&) = delete;
  WitnessWriter& operator=(const WitnessWriter&) = delete;

  void Start();

  // The log thread: durable up to `place`, whose batches carry times up to `server_time`.
  void Note(const LogPlace& place, UnixMs server_time);
  // The log thread, right before a sync: write beside it what was noted, unless the writer is still
  // at it.
  void GoBesideSync();

  // Any thread. The server clock now.
  void NoteTime(UnixMs now);
  // Any thread; blocks until the witness says what was noted last.
  Status WriteNow();
  // The log thread, or whoever holds it up: both slots claim no more than `place` when it returns
  // Ok.
  Status Lower(const LogPlace& place);
  // As that: both slots are of another history, and tell of its log. Time does not go back.
  Status Replace(WitnessMark mark);
  // Any thread. What the file says.
  Index written() const { return written_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  Status WriteIfNews(bool time_is_news);
  // These require: file_mutex_ is held.
  Status Write(const WitnessMark& mark);
  Status WriteBoth(const WitnessMark& mark);

  Witness& witness_;
  DiskSpace& space_;
  FatalHandler fatal_;

  std::mutex file_mutex_;  // one write at a time; taken before mutex_
  WitnessMark on_disk_;    // under file_mutex_

  std::mutex mutex_;
  std::condition_variable wake_;
  // Under mutex_.
  WitnessMark noted_;
  bool waiting_ = false;
  bool go_ = false;
  bool stop_ = false;

  std::atomic<int64_t> clock_ms_{0};
  std::atomic<Index> written_{0};
  std::thread thread_;
};

}  // namespace holdfast
