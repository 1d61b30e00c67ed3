// INFO commandstats, errorstats, latencystats. Redis' names and shapes; the figures are those of
// server/command_stats.h: usec is the time on the shards that ran the command, added up.
#include <map>
#include <string>

#include <fmt/format.h>

#include "protocol/words.h"
#include "server/command_table.h"
#include "server/commands/command_sums.h"
#include "server/commands/info.h"
#include "server/shard/shard.h"

namespace holdfast {

void WriteCommandStats(const CommandContext& ctx, FieldWriter& field) {
  for (const CommandSpec* row : Commands().rows()) {
    const CommandSum sum = SumCommand(ctx.shard.server(), *row);
    if (!sum.used()) continue;
    const double us = static_cast<double>(sum.nanoseconds) / 1000;
    field("cmdstat_" + LowerCased(row->name),
          fmt::format("calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
                      sum.calls, sum.nanoseconds / 1000,
                      sum.calls == 0 ? 0 : us / static_cast<double>(sum.calls), sum.rejected,
                      sum.failed));
  }
}

void WriteErrorStats(const CommandContext& ctx, FieldWriter& field) {
  std::map<std::string_view, uint64_t> counts;
  for (const ShardStats& shard : ctx.shard.server().stats) {
    shard.errors.ForEach([&](std::string_view word, uint64_t count) { counts[word] += count; });
  }
  for (const auto& [word, count] : counts) {
    if (count > 0) field(fmt::format("errorstat_{}", word), fmt::format("count={}", count));
  }
}

void WriteLatencyStats(const CommandContext& ctx, FieldWriter& field) {
  for (const CommandSpec* row : Commands().rows()) {
    const LatencySum sum = SumLatency(ctx.shard.server(), *row);
    if (sum.calls == 0) continue;
    const auto us = [&sum](double percent) {
      return static_cast<double>(sum.Percentile(percent)) / 1000;
    };
    field("latency_percentiles_usec_" + LowerCased(row->name),
          fmt::format("p50={:.3f},p99={:.3f},p99.9={:.3f}", us(50), us(99), us(99.9)));
  }
}

}  // namespace holdfast
