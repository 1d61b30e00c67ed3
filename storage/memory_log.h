// MemoryLog: the log of tests and of the simulation. Same queue, same records, same recovery as
// RocksLog; its disk is a string, and its log thread is whoever calls Step and Sync. Nothing
// happens by itself.
//
//   disk:  | record | record | record | record |        Push -> queue -> Step -> disk -> Sync
//                   '- synced: survives anything
//                            '---------------- written: survives kill -9; a power loss keeps any
//                            prefix,
//                                              a torn last record included
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/group.h"
#include "storage/history.h"
#include "storage/log.h"
#include "storage/log_queue.h"

namespace holdfast {

// What is left after a crash, enough to start again from.
struct MemoryDisk {
  History history;
  std::string records;  // one behind the other; the last may be torn
  Index witness = 0;    // durable index: no start may end before it
  UnixMs witness_time = kNever;
};

struct MemoryLogOptions {
  History history;
  NodeId node{{'m'}};
  FatalHandler fatal;  // required if a fault is planned; may return
  uint64_t queue_bytes_max = uint64_t{64} << 20;
};

// Push, LastPushed, Durable, RequestSync, Congested: any thread. Everything else: one thread, the
// test's.
class MemoryLog final : public Log {
 public:
  // A fresh log, in its first epoch.
  explicit MemoryLog(const MemoryLogOptions& options);
  // Goes on from `disk`. Call Replay before the first Push.
  MemoryLog(MemoryLogOptions options, MemoryDisk disk);

  // As RocksLog::Replay; a torn last record beyond the witness is dropped. Opens a new epoch,
  // durably.
  Status Replay(const Cuts& cuts, const ReplayFn& fn, Replayed& out);

  Index Push(const Batch& batch) override;
  Index LastPushed() const override;
  Index Durable() const override;
  void RequestSync(Index index) override;
  bool Keeps() const override { return true; }
  bool Congested() const override;
  void AddWaker(Waker* waker) override;
  // Steps until nothing is queued, then syncs.
  Status Flush() override;

  // Writes everything queued (one record, more beyond 1 MiB), unsynced. False if nothing was queued
  // or the log is dead.
  bool Step();
  // Makes all that was written durable, publishes and wakes. False if the log is dead.
  bool Sync();
  // Does somebody wait: was a gated batch or a RequestSync not yet served by a Sync?
  bool SyncWanted() const;

  // The k-th write (sync) from now fails, k >= 1: the handler is told and the log is dead. A failed
  // write leaves half of its record behind.
  void FailWrite(uint64_t k) { fail_write_in_ = k; }
  void FailSync(uint64_t k) { fail_sync_in_ = k; }
  // The k-th write from now lands `back` bytes before the disk's end, over what is there (as far
  // back as there is anything), and nobody is told.
  void MisdirectWrite(uint64_t k, size_t back) {
    misdirect_in_ = k;
    misdirect_back_ = back;
  }

  // Bytes written but not synced.
  size_t UnsyncedBytes() const { return disk_.records.size() - synced_bytes_; }
  // kill -9: all that was written is there.
  MemoryDisk Kill() const;
  // Power loss: of the unsynced bytes only the first `keep` are there (all of them at most).
  MemoryDisk LosePower(size_t keep) const;

  const History& history() const { return disk_.history; }
  bool dead() const { return dead_; }

 private:
  void OpenEpoch(const LogPlace& last);
  void Die(const Status& status);
  void Write(std::string_view bytes);
  void Publish();
  static bool FaultDue(uint64_t& in);

  const NodeId node_;
  FatalHandler fatal_;
  LogQueue queue_;
  LogQueue::Taken taken_;
  MemoryDisk disk_;
  size_t synced_bytes_ = 0;
  Index written_ = 0;
  UnixMs written_time_ = kNever;
  std::atomic<Index> durable_{0};
  std::vector<Waker*> wakers_;
  uint64_t fail_write_in_ = 0;
  uint64_t fail_sync_in_ = 0;
  uint64_t misdirect_in_ = 0;
  size_t misdirect_back_ = 0;
  bool dead_ = false;
};

}  // namespace holdfast
