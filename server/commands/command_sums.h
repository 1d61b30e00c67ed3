// What the shards' CommandStats add up to.
#pragma once

#include "server/command_stats.h"
#include "server/server_state.h"

namespace holdfast {

struct CommandSum {
  uint64_t calls = 0;
  uint64_t nanoseconds = 0;
  uint64_t rejected = 0;
  uint64_t failed = 0;

  bool used() const { return calls + rejected + failed > 0; }
};

inline CommandSum SumCommand(const ServerState& server, const CommandSpec& command) {
  CommandSum sum;
  for (const ShardStats& shard : server.stats) {
    const CommandStats::Row* row = shard.commands.Of(command);
    if (row == nullptr) continue;
    sum.calls += row->calls.Get();
    sum.nanoseconds += row->nanoseconds.Get();
    sum.rejected += row->rejected.Get();
    sum.failed += row->failed.Get();
  }
  return sum;
}

inline LatencySum SumLatency(const ServerState& server, const CommandSpec& command) {
  LatencySum sum;
  for (const ShardStats& shard : server.stats) {
    const CommandStats::Row* row = shard.commands.Of(command);
    if (row == nullptr) continue;
    const LatencyHistogram* histogram = row->histogram.load(std::memory_order_acquire);
    if (histogram != nullptr) sum.Add(*histogram);
  }
  return sum;
}

}  // namespace holdfast
