// What all shards of the process share: fixed at start, or atomic.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/client_pause.h"
#include "server/command_stats.h"
#include "server/defrag.h"
#include "server/latency_monitor.h"
#include "server/load_progress.h"
#include "server/metrics.h"
#include "server/name_counts.h"
#include "server/shard/shard_map.h"
#include "server/shared_config.h"
#include "server/slow_log.h"
#include "server/span_clock.h"
#include "server/standing.h"
#include "storage/base/server_time.h"
#include "storage/log.h"

namespace holdfast {

class Backups;
class ReplicationControl;
class SnapshotRun;
struct LogStats;

// Each has one writer, its shard.
struct ShardStats {
  CommandStats commands;
  ErrorStats errors;
};

// Redis' length; a history's own id has fewer digits, and zeros behind them.
inline constexpr size_t kReplicationIdDigits = 40;

struct ServerState {
  ServerState(int shards, Log& the_log)
      : map(shards), log(the_log), stats(static_cast<size_t>(shards)) {}

  const ShardMap map;
  Log& log;
  std::array<ShardMetrics, kPartitions> metrics;
  std::vector<ShardStats> stats;  // by shard

  SlowLog slow_log;
  LatencyMonitor latency;
  ClientPause pause;
  std::atomic<int> monitors{0};  // connections that are shown every command
  NameCounts channels;           // that have a subscriber
  NameCounts patterns;
  // Of key events, and of messages that nobody waits for, that a shard has still to tell. While it
  // is above its bound sockets are not read and sweeps pause. A hundred bytes may be told to many
  // thousands, so the bound is low: whoever asks anything meanwhile waits behind all of them.
  std::atomic<size_t> untold_bytes{0};
  static constexpr size_t kUntoldBytesMax = size_t{64} << 10;
  std::atomic<bool> sweeps{true};  // DEBUG SET-ACTIVE-EXPIRE

  std::string run_id;          // 40 hex digits, of this process
  std::string replication_id;  // kReplicationIdDigits, of the history; set while no loop runs
  std::string executable;
  std::string config_file;
  std::atomic<UnixMs> started_at{};
  uint64_t random_seed = 0;  // of the shards' choices; another with each start

  // A start still reads its log: the shards' keyspaces belong to the loader's threads. Whoever
  // reads false (acquire) has all that they did, and the clock as it will go on, before him.
  std::atomic<bool> loading{false};

  Standing standing;
  DefragOrders defrag;

  std::atomic<uint64_t> last_client_id{0};
  // No hold is due before this instant: the restart grace, counted from the first command that is
  // answered after a start that found data, so that buyers get back to their holds before the clock
  // takes them. 0: none.
  static constexpr int64_t kGraceArmed = INT64_MAX;  // the first command sets it
  std::atomic<int64_t> grace_until_ms{0};

  // What CONFIG SET changed.
  SharedConfig config;

  // Stands still unless it is set before the shards start.
  SpanClock span_clock;

  // What the shards are to take; null in a server that keeps nothing, and while one loads.
  std::atomic<SnapshotRun*> snapshots{nullptr};
  std::atomic<Backups*> backups{nullptr};  // likewise
  std::atomic<ReplicationControl*> replication{nullptr};

  // Doors to what only the whole server has. Set before the shards start; any thread. A server that
  // keeps nothing has no log_stats.
  std::function<DurationMs()> clock_offset;  // server clock minus wall clock, for INFO
  std::function<std::chrono::sys_time<std::chrono::nanoseconds>()> clock_now;  // for TIME
  std::function<LogStats()> log_stats;                                         // not while loading
  std::function<LoadProgress()> load_progress;                                 // while loading
  std::function<void(const Config&)> configure_log;  // hands over what the log can change

  uint64_t Sum(Counter ShardMetrics::*counter) const {
    uint64_t sum = 0;
    for (int shard = 0; shard < map.shards(); ++shard)
      sum += (metrics[static_cast<size_t>(shard)].*counter).Get();
    return sum;
  }
};

// How long ago a replica last showed all that its primary had acked, in ms: 0 where this server
// leads, -1 if it never did.
inline int64_t LagMs(const ServerState& server, UnixMs now) {
  if (!server.standing.follows.load(std::memory_order_relaxed)) return 0;
  const UnixMs shows_all_of = server.standing.shows_all_of.load(std::memory_order_relaxed);
  return shows_all_of == kNever ? -1 : std::max<int64_t>(0, (now - shows_all_of).count());
}

// The one function that decides what is acked: durable here, and on whomever the group asks for.
inline Index AckedIndex(const ServerState& server) {
  const Index acked = server.standing.acked.load(std::memory_order_acquire);
  return acked == Standing::kAlone ? server.log.Durable() : acked;
}

}  // namespace holdfast
