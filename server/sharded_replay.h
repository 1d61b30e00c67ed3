// ShardedReplay: applies the batches of a log to all shards at once.
//
//   whoever calls Take                        a thread for each shard
//   batch ─► slices, by owner ─► chunk ─────► queue ─► apply, in order
//
// A chunk is slices one behind the other: index:u64, length:u32, mutations. What two shards hold
// has nothing in common, and each is given its mutations in the order of the log: so the state is
// that of applying one batch after the other.
//
// The shards are this object's threads' from the first Take until Finish has returned.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/shard/shard.h"
#include "server/shard/shard_map.h"
#include "storage/base/status.h"
#include "storage/log.h"

namespace holdfast {

class ShardedReplay {
 public:
  // Starts the threads. The shards, in order, and `abandoned` outlive it. Once that is true nothing
  // more is applied, soon: neither Take nor Finish then waits for anything.
  ShardedReplay(const ShardMap& map, const std::vector<Shard*>& shards,
                const std::atomic<bool>& abandoned);
  // Without Finish: nothing more is applied.
  ~ShardedReplay();
  ShardedReplay(const ShardedReplay&) = delete;
  ShardedReplay& operator=(const ShardedReplay&) = delete;

  // ---- one thread

  // In the order of the log. Waits while a shard has more to do than its queue may hold. kDamaged,
  // naming the first batch that cannot be applied: then nothing more may be taken.
  Status Take(Index index, std::string_view mutations);

  // After the last Take: returns when all is applied and every SKU has been audited. kDamaged: a
  // batch cannot be applied, or a SKU does not add up. Again: the same answer.
  Status Finish();

  // After Finish.
  uint64_t mutations() const { return mutations_; }

  // ---- any thread

  // Taken and not yet applied.
  uint64_t BytesQueued() const { return bytes_queued_.load(std::memory_order_relaxed); }

 private:
  // One shard's.
  struct Lane {
    explicit Lane(Shard& the_shard) : shard(the_shard) {}

    Shard& shard;
    std::string filling;  // the taker's

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> chunks;
    size_t bytes = 0;  // of chunks
    bool closed = false;

    // The lane's thread's, until it is joined.
    uint64_t mutations = 0;
    Index failed_at = 0;
    Status audited;
    std::thread thread;
  };

  void Append(Lane& lane, Index index, std::string_view slice);
  void Push(Lane& lane);
  void Close();
  void Run(Lane& lane);
  bool Pop(Lane& lane, std::string& chunk);
  void Apply(Lane& lane, std::string_view chunk);
  bool Stops(const Lane& lane) const;

  const ShardMap& map_;
  const std::atomic<bool>& abandoned_;
  std::atomic<bool> dropped_{false};  // destroyed without Finish
  std::atomic<bool> failed_{false};   // in some lane
  std::atomic<uint64_t> bytes_queued_{0};
  uint64_t mutations_ = 0;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace holdfast
