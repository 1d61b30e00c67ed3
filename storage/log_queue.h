// LogQueue: where shards leave their batches and the log thread fetches them. One short lock; the
// batches are copied straight into the records they will be written as. On a replica no shard
// pushes: records come as a primary sealed them.
//
// Waking a thread costs more than a push, so the log thread is woken only when it sleeps and
// something is urgent: while it writes, pushes only add to its next record; and batches that nobody
// waits for do not wake it until a moment after its last write, so that a stream of them costs some
// hundred wakes a second at most.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "storage/group.h"
#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

class LogQueue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LogQueue(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // --- Any thread.
  // While following nothing is taken: the index is kNeverDurable.
  Index Push(const Batch& batch);
  // Pushes the batch that opens `epoch`, of which all is that is pushed behind it. Somebody waits
  // for it. Ends following.
  Index OpenEpoch(Epoch epoch, const Group& group, UnixMs now);
  void Follow();
  // Somebody waits for it. Requires: following; it begins with the index behind LastPushed().
  void Store(SealedRecord record);
  Index LastPushed() const { return last_pushed_.load(std::memory_order_acquire); }
  void RequestSync(Index index);
  // From the push that exceeds bytes_max until no more than half of that is queued or being
  // written.
  bool Congested() const { return congested_.load(std::memory_order_acquire); }
  // Queued, or taken and not yet written.
  uint64_t Bytes() const;
  // Somebody waits for batches up to here.
  Index SyncWanted() const;
  // Take returns at once, now and ever after.
  void Stop();

  // --- The log thread.
  struct Queued {
    RecordBuilder record;
    Epoch epoch = 0;
    SealedRecord stored{};  // if it has bytes, this and not `record`
  };
  // What was queued: the first `used` of `records`, of which the first begins with batch `first`.
  struct Taken {
    std::vector<Queued> records;
    size_t used = 0;
    Index first = 0;
    Index sync_wanted = 0;  // somebody waits for batches up to here
    bool stopped = false;
  };
  struct Patience {
    Index durable;                   // who waits for no more than this is served
    Clock::time_point gather_until;  // batches that nobody waits for may queue until then
    Clock::time_point sync_due;      // return by then in any case
  };
  // Waits as told, then takes everything. Gives the last Taken's memory back for reuse.
  void Take(const Patience& patience, Taken& taken);
  // As Take, without waiting.
  void TakeNow(Taken& taken);
  // What was taken is written. True if that ended a congestion.
  bool Written();

  // Nothing may be queued. The next batch gets the index behind `last`.
  void StartAfter(const LogPlace& last);

 private:
  enum class Sleep : uint8_t { kAwake, kUntilWaitedFor, kUntilAnything };

  // These require: mutex_ is held.
  Index Append(const Batch& batch);
  Queued& NextRecord();
  void CountQueued(uint64_t bytes);
  void MoveTo(Taken& taken);
  bool ShouldWake(bool waited_for);

  const uint64_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All below: under mutex_; the atomics are written under it and read without.
  std::vector<Queued> filling_;
  size_t used_ = 0;
  Epoch epoch_ = 0;
  bool follows_ = false;
  bool record_ends_ = false;  // no batch may join the last one
  Index last_taken_ = 0;
  Index sync_wanted_ = 0;
  uint64_t queued_bytes_ = 0;
  uint64_t taken_bytes_ = 0;
  Sleep sleep_ = Sleep::kAwake;
  bool stop_ = false;
  std::atomic<Index> last_pushed_{0};
  std::atomic<bool> congested_{false};
};

}  // namespace holdfast
