// Snapshots: takes one when asked. The shards leave rows here; a thread of its own writes them to
// the store, waits until every cut is acked, makes the snapshot the current one and has the log
// trimmed behind it.
//
//   shards ──rows──► queue (bounded: the walks pause) ──► this thread ──► SnapshotStore
//                                                             │ all partitions, every cut acked
//                                                             └► current; Log::Trim
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/base/server_time.h"
#include "storage/rocks_log.h"
#include "storage/snapshot_run.h"
#include "storage/waker.h"

namespace holdfast {

class Snapshots final : public SnapshotRun {
 public:
  struct Options {
    std::function<UnixMs()> now;   // the server's clock; any thread
    std::function<Index()> acked;  // batches up to here; any thread
    // Told on the snapshots' thread, a line each; for the operator.
    std::function<void(const std::string&)> tell;
    uint64_t queue_bytes_max = uint64_t{8} << 20;
  };

  // `log` was started, and outlives it.
  Snapshots(RocksLog& log, Options options);
  ~Snapshots() override { Stop(); }

  // Before Start. Woken when the shards have something to do.
  void AddWaker(Waker* waker) { wakers_.push_back(waker); }
  void Start();
  // Gives up what is not complete, for good.
  void Stop();

  uint32_t Begin(bool after_that) override;
  uint32_t finished() const override { return finished_.load(std::memory_order_acquire); }
  uint32_t complete() const override { return complete_.load(std::memory_order_acquire); }
  SnapshotFigures figures() const override;
  uint32_t wanted() const override { return wanted_.load(std::memory_order_acquire); }
  bool HasRoom() const override { return has_room_.load(std::memory_order_relaxed); }
  void Put(Partition partition, std::string row) override;
  void TookCut(Partition partition, Index cut, uint32_t number) override;
  void TookAll(Partition partition, uint64_t keys) override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  struct Row {
    Partition partition;
    std::string bytes;
  };

  void Ask();
  void Run();
  // False: stopped, or the disk failed.
  bool Take(Lock& lock);
  void GiveUp(Lock& lock);
  bool WriteQueued(Lock& lock);
  bool AwaitCuts(Lock& lock);
  bool Complete(Lock& lock);
  void Tell(const std::string& line) const;
  void WakeAll();

  RocksLog& log_;
  const Options options_;
  std::vector<Waker*> wakers_;

  std::atomic<uint32_t> wanted_{0};
  std::atomic<uint32_t> finished_{0};
  std::atomic<uint32_t> complete_{0};
  std::atomic<bool> has_room_{true};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // All below: under mutex_.
  uint32_t asked_ = 0;  // the last number that was given out
  bool again_ = false;
  bool stop_ = false;
  std::vector<Row> queue_;
  uint64_t queue_bytes_ = 0;
  Cuts cuts_{};
  std::bitset<kPartitions> cut_;  // which of them were taken
  bool out_of_room_ = false;
  int partitions_taken_ = 0;
  SnapshotFigures figures_;

  // The thread's own.
  std::array<uint64_t, kPartitions> next_row_{};
  std::thread thread_;
};

}  // namespace holdfast
