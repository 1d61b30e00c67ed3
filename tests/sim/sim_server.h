// One life of a simulated server, from a start on what the last crash left to the next crash. What
// happens meanwhile is the simulations' own (sale_sim.cc, group_sim.cc, ledger_sim.cc).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "storage/memory_log.h"
#include "tests/sim/cluster.h"
#include "tests/sim/snapshots.h"

namespace holdfast {

// What a crash leaves.
struct SimDisk {
  MemoryDisk log;
  SimSnapshot snapshot;

  // An empty one, of a history of its own.
  explicit SimDisk(std::mt19937_64& random);
};

// What a server that is to be caught does wrong.
struct SimLies {
  bool log = false;       // it calls durable what was only pushed
  bool snapshot = false;  // one becomes current before its cuts are acked
};

Config WithoutGrace();

struct SimSetup {
  SimLies lies = {};
  Config config = WithoutGrace();
  // Hears every batch as it is pushed; may be empty.
  std::function<void(Index, std::string_view mutations)> on_push = {};
};

class SimServer {
 public:
  SimServer(int shards, std::mt19937_64& random, const SimDisk& disk, UnixMs now,
            const SimSetup& setup = {});
  ~SimServer();

  // Loads the snapshot, replays the log.
  std::optional<std::string> Recover();
  // Keeps what was synced, and some of the rest.
  SimDisk Crash();
  UnixMs now() const { return cluster_->now(); }

 protected:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  // Time passes, a shard works on, snapshots begin and end.
  void PassTime(int ms_max);
  // Every wheel turns once: letters arrive, turns end, the log is synced.
  void TurnEveryWheel();
  // From now on a peer may be quick: it reads a letter and ends its turn while the sender has not
  // come back from sending; then `hear` is called.
  void LetPeersBeQuick(std::function<void()> hear);

  Cluster& cluster() { return *cluster_; }
  int shards() const { return cluster_->shards(); }
  MemoryLog& log() { return log_; }
  // The log's end as the start found it.
  Index replayed() const { return replayed_; }
  // Why the log stopped the process; empty: it did not.
  const std::string& fatal() const { return fatal_; }

 private:
  class WatchedLog;

  std::mt19937_64& random_;
  const SimSetup setup_;
  SimDisk disk_;
  std::string fatal_;
  MemoryLog log_;
  std::unique_ptr<WatchedLog> watched_;
  SimSnapshots snapshots_;
  std::unique_ptr<Cluster> cluster_;
  Index replayed_ = 0;
  bool peer_runs_ = false;
};

}  // namespace holdfast
