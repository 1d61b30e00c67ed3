// Loader: brings what the last snapshot and the log behind it hold into the shards, on threads of
// its own, while the loops are there already and answer LOADING, or what needs no data.
//
//   the loader's thread                                  the loops
//   snapshot ═► loaded by a thread a shard
//   log ═► applied, audited by a thread a shard
//        ─► finish ─► loading = false ─────────────────► NoteStanding: the keyspaces are theirs
//
// Until then the keyspaces are the loader's threads'; a loop sees of them what Shard::Publish
// tells.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/load_progress.h"
#include "server/server_state.h"
#include "server/shard/shard.h"
#include "server/sharded_replay.h"
#include "storage/base/status.h"
#include "storage/rocks_log.h"

namespace holdfast {

class Loader {
 public:
  // What must be in place before the first command, once it is known what the log holds.
  using FinishFn = std::function<Status(const Replayed& replayed)>;

  // All outlive it; the shards are in order, and empty. `log` is open, and not replayed: what is
  // acked of it is loaded.
  Loader(RocksLog& log, ServerState& server, std::vector<Shard*> shards, FinishFn finish);
  // `log` runs, and follows: it is read up to `up_to`, and no snapshot is taken meanwhile.
  Loader(RocksLog& log, ServerState& server, std::vector<Shard*> shards, Index up_to,
         std::function<Status()> finish);
  // Abandons what is not done.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Once, before the loops run. `now` is the server clock.
  void Start(UnixMs now);

  // ---- any thread, once it is started
  LoadProgress Progress() const;
  bool done() const { return done_.load(std::memory_order_acquire); }
  // For `finish`, and behind it: up to which batch the shards hold the log; whether this node is
  // its sync set; whether nobody waits for it.
  Index applied() const { return applied_; }
  bool alone() const { return alone_; }
  bool abandoned() const { return abandoned_.load(std::memory_order_relaxed); }

  // ---- the thread that started it
  // False: it is not done within this span.
  bool WaitFor(DurationMs span);
  // Waits until it is done. Not ok: nobody was let in, and the text is one line for the operator.
  Status Join();
  // Ends it soon, unless everything is loaded but for the finish: then that is waited for. Nobody
  // is let in, and no batch is changed on disk.
  void Abandon();

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  Status Load();
  Status LoadLog(Replayed& replayed);
  Status TakeTail(const Replayed& replayed);
  Status Take(Index index, std::string_view mutations);
  Status LoadSnapshot();
  Status LoadPartitions(Shard& shard, std::atomic<uint64_t>& rows);

  RocksLog& log_;
  ServerState& server_;
  const std::vector<Shard*> shards_;
  const FinishFn finish_;
  const std::optional<Index> again_up_to_;
  UnixMs started_{};
  Clock::time_point began_{};
  std::atomic<bool> abandoned_{false};
  std::unique_ptr<ShardedReplay> replay_;
  Index acked_ = 0;                                 // known to be, before the log is read
  std::deque<std::pair<Index, std::string>> tail_;  // what lies behind
  Index applied_ = 0;
  bool alone_ = false;
  std::atomic<uint64_t> snapshot_bytes_loaded_{0};
  mutable std::atomic<uint64_t> bytes_told_{0};

  std::mutex mutex_;  // orders done_ with whoever waits for it
  std::condition_variable changed_;
  std::atomic<bool> done_{false};
  Status status_;  // from done_ on
  std::thread thread_;
};

}  // namespace holdfast
