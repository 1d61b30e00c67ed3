// LATENCY: what was slow and when (server/latency_monitor.h), and how long commands take.
#include <algorithm>
#include <string>
#include <vector>

#include "protocol/words.h"
#include "server/command_table.h"
#include "server/commands/command_docs.h"
#include "server/commands/command_sums.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/shard.h"

namespace holdfast {
namespace {

void CmdLatencyLatest(CommandContext& ctx, Args) {
  const LatencyMonitor& monitor = ctx.shard.server().latency;
  std::vector<std::pair<std::string_view, LatencyHistory>> events;
  for (size_t i = 0; i < kLatencyEventNames.size(); ++i) {
    LatencyHistory history = monitor.HistoryOf(static_cast<LatencyEvent>(i));
    if (!history.empty()) events.emplace_back(kLatencyEventNames[i], std::move(history));
  }
  ctx.reply.Array(events.size());
  for (const auto& [name, history] : events) {
    ctx.reply.Array(4);
    ctx.reply.Bulk(name);
    ctx.reply.Integer(history.samples.back().unix_s);
    ctx.reply.Integer(history.samples.back().ms);
    ctx.reply.Integer(history.longest_ms);
  }
}

// Empty for an event that there is not: it has no samples.
LatencyHistory HistoryOf(const CommandContext& ctx, std::string_view name) {
  const auto event = FindLatencyEvent(name);
  return event ? ctx.shard.server().latency.HistoryOf(*event) : LatencyHistory{};
}

void CmdLatencyHistory(CommandContext& ctx, Args args) {
  const LatencyHistory history = HistoryOf(ctx, args[2]);
  ctx.reply.Array(history.samples.size());
  for (const LatencySample& sample : history.samples) {
    ctx.reply.Array(2);
    ctx.reply.Integer(sample.unix_s);
    ctx.reply.Integer(sample.ms);
  }
}

void CmdLatencyGraph(CommandContext& ctx, Args args) {
  const LatencyHistory history = HistoryOf(ctx, args[2]);
  if (history.empty()) {
    return ctx.reply.Error("ERR No samples available for event '" + std::string(args[2]) + "'");
  }
  const auto event = static_cast<size_t>(*FindLatencyEvent(args[2]));
  ctx.reply.Verbatim("txt", LatencyGraph(kLatencyEventNames[event], history));
}

void CmdLatencyReset(CommandContext& ctx, Args args) {
  LatencyMonitor& monitor = ctx.shard.server().latency;
  const Args names = args.subspan(2);
  int64_t reset = 0;
  for (size_t i = 0; i < kLatencyEventNames.size(); ++i) {
    const bool asked = names.empty() || std::ranges::any_of(names, [i](std::string_view name) {
                         return EqualsIgnoreCase(name, kLatencyEventNames[i]);
                       });
    if (asked && monitor.Reset(static_cast<LatencyEvent>(i))) ++reset;
  }
  ctx.reply.Integer(reset);
}

void CmdLatencyDoctor(CommandContext& ctx, Args) {
  ctx.reply.Verbatim("txt", LatencyReport(ctx.shard.server().latency));
}

// ---- LATENCY HISTOGRAM

// Up to 1.024 us, twice that, and so on, as Redis cuts them: [microseconds, calls that took no
// longer], without those that add nothing.
std::vector<std::pair<int64_t, uint64_t>> PowersOfTwo(const LatencySum& sum) {
  std::vector<std::pair<int64_t, uint64_t>> steps;
  uint64_t before = 0;
  for (uint64_t bound = 1024; before < sum.calls; bound *= 2) {
    const bool last = bound >= LatencyHistogram::LongestNs(LatencyHistogram::kBuckets - 1);
    const uint64_t count = last ? sum.calls : sum.UpTo(bound);
    if (count > before) steps.emplace_back(static_cast<int64_t>(bound / 1000), count);
    before = count;
  }
  return steps;
}

// The rows that a name means: a container stands for its subcommands.
std::vector<const CommandSpec*> RowsOf(Args names) {
  const auto rows = Commands().rows();
  if (names.empty()) return {rows.begin(), rows.end()};
  std::vector<const CommandSpec*> asked;
  for (const std::string_view name : names) {
    const CommandSpec* named = Commands().FindName(name);
    if (named == nullptr) continue;
    for (const CommandSpec* row : rows) {
      const bool inside = (named->flags & kContainer) != 0 && row->name.starts_with(named->name) &&
                          row->name.substr(named->name.size()).starts_with('|');
      const bool known = std::ranges::find(asked, row) != asked.end();
      if ((row == named || inside) && !known) asked.push_back(row);
    }
  }
  return asked;
}

void CmdLatencyHistogram(CommandContext& ctx, Args args) {
  std::vector<std::pair<const CommandSpec*, LatencySum>> shown;
  for (const CommandSpec* row : RowsOf(args.subspan(2))) {
    LatencySum sum = SumLatency(ctx.shard.server(), *row);
    if (sum.calls > 0) shown.emplace_back(row, sum);
  }
  ctx.reply.Map(shown.size());
  for (const auto& [row, sum] : shown) {
    const auto steps = PowersOfTwo(sum);
    ctx.reply.Bulk(LowerCased(row->name));
    ctx.reply.Map(2);
    ctx.reply.Bulk("calls");
    ctx.reply.Integer(static_cast<int64_t>(sum.calls));
    ctx.reply.Bulk("histogram_usec");
    ctx.reply.Map(steps.size());
    for (const auto& [us, count] : steps) {
      ctx.reply.Integer(us);
      ctx.reply.Integer(static_cast<int64_t>(count));
    }
  }
}

constexpr uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;

constexpr CommandSpec kLatencyCommands[] = {
    ContainerRow("server", "LATENCY", "A container for commands about what takes long."),
    ClientRow("server", "LATENCY|LATEST", CmdLatencyLatest, 2, kFlags, "",
              "Each event's last sample and its longest."),
    ClientRow("server", "LATENCY|HISTORY", CmdLatencyHistory, 3, kFlags, "event",
              "Samples of active-defrag-cycle, command, fast-command, log-sync, snapshot, sweep or "
              "sync-member: Unix seconds, ms."),
    ClientRow("server", "LATENCY|RESET", CmdLatencyReset, -2, kFlags, "[event [event ...]]",
              "Forget the samples of some events, or of all."),
    ClientRow("server", "LATENCY|GRAPH", CmdLatencyGraph, 3, kFlags, "event",
              "An event's samples, drawn."),
    ClientRow("server", "LATENCY|DOCTOR", CmdLatencyDoctor, 2, kFlags, "",
              "What the samples show, and what to look at."),
    ClientRow("server", "LATENCY|HISTOGRAM", CmdLatencyHistogram, -2, kFlags,
              "[command [command ...]]",
              "How many runs of a command took up to how many microseconds."),
    ClientRow("server", "LATENCY|HELP", CmdContainerHelp, 2, kLoading | kStale, "",
              "Print this help."),
};

}  // namespace

std::span<const CommandSpec> LatencyCommands() { return kLatencyCommands; }

}  // namespace holdfast
