#include "server/latency_monitor.h"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/words.h"

namespace holdfast {
namespace {

constexpr int64_t kGraphRows = 4;
constexpr std::string_view kGraphLevels = " _o#";  // how full a cell is

struct Advice {
  LatencyEvent event;
  std::string_view text;
};
constexpr Advice kAdvice[] = {
    {LatencyEvent::kDefrag,
     "A step of the defragmentation was cut off by something else: it takes a small part of a "
     "millisecond by itself. Look at the load of the machine, or set active-defrag-cycle-max "
     "lower."},
    {LatencyEvent::kCommand,
     "Commands over many keys or a large value hold their shard up: SLOWLOG GET names them. Ask "
     "for less at a time (SCAN with a small COUNT, HSCAN for HGETALL)."},
    {LatencyEvent::kFastCommand,
     "Commands that do little were slow: the processor was busy with something else. Look at the "
     "load of the machine, at swapping (INFO memory: used_memory_rss), and at SLOWLOG GET."},
    {LatencyEvent::kLogSync,
     "The disk took long to sync the log, and gated replies waited for it. Look at what else "
     "writes to that disk (INFO log: log_syncs_under_*), or use a faster one."},
    {LatencyEvent::kSweep,
     "Much fell due at once. Spread deadlines, or set latency-monitor-threshold higher."},
    {LatencyEvent::kSyncMember,
     "A member of the sync set took long to store what this server had on its disk, and gated "
     "replies waited. INFO replication shows which (sync=yes, its offset behind); look at its disk "
     "and at the network, or go on without it by SYNCSET REMOVE."},
};

}  // namespace

void LatencyHistory::Add(LatencySample sample) {
  longest_ms = std::max(longest_ms, sample.ms);
  if (!samples.empty() && samples.back().unix_s == sample.unix_s) {
    samples.back().ms = std::max(samples.back().ms, sample.ms);
    return;
  }
  samples.push_back(sample);
  if (samples.size() > kSamplesMax) samples.pop_front();
}

void LatencyMonitor::Add(LatencyEvent event, UnixMs at, int64_t ms) {
  if (!Notes(ms)) return;
  const auto second = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  const std::lock_guard lock(mutex_);
  histories_[static_cast<size_t>(event)].Add({.unix_s = second, .ms = ms});
}

LatencyHistory LatencyMonitor::HistoryOf(LatencyEvent event) const {
  const std::lock_guard lock(mutex_);
  return histories_[static_cast<size_t>(event)];
}

bool LatencyMonitor::Reset(LatencyEvent event) {
  const std::lock_guard lock(mutex_);
  LatencyHistory& history = histories_[static_cast<size_t>(event)];
  const bool had = !history.empty();
  history = {};
  return had;
}

std::optional<LatencyEvent> FindLatencyEvent(std::string_view name) {
  for (size_t i = 0; i < kLatencyEventNames.size(); ++i) {
    if (EqualsIgnoreCase(kLatencyEventNames[i], name)) return static_cast<LatencyEvent>(i);
  }
  return std::nullopt;
}

std::string LatencyGraph(std::string_view name, const LatencyHistory& history) {
  const auto [low, high] = std::ranges::minmax(history.samples, {}, &LatencySample::ms);
  std::string text = fmt::format("{} - high {} ms, low {} ms (all time high {} ms)\n", name,
                                 high.ms, low.ms, history.longest_ms);
  text.append(80, '-') += '\n';
  // Levels from 1: what was noted at all is seen.
  const auto levels = static_cast<int64_t>(kGraphLevels.size()) - 1;
  const int64_t range = std::max<int64_t>(high.ms - low.ms, 1);
  for (int64_t row = kGraphRows - 1; row >= 0; --row) {
    std::string line;
    for (const LatencySample& sample : history.samples) {
      const int64_t height = 1 + (sample.ms - low.ms) * (kGraphRows * levels - 1) / range;
      line +=
          kGraphLevels[static_cast<size_t>(std::clamp<int64_t>(height - row * levels, 0, levels))];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string LatencyReport(const LatencyMonitor& monitor) {
  if (monitor.threshold_ms() == 0) {
    return "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns "
           "it on.\n";
  }
  std::string text;
  for (const auto& [event, advice] : kAdvice) {
    const LatencyHistory history = monitor.HistoryOf(event);
    if (history.empty()) continue;
    int64_t sum = 0;
    for (const LatencySample& sample : history.samples) sum += sample.ms;
    const auto count = static_cast<int64_t>(history.samples.size());
    text += fmt::format("{}: {} spikes, {} ms on average, {} ms at worst.\n  {}\n",
                        kLatencyEventNames[static_cast<size_t>(event)], count, sum / count,
                        history.longest_ms, advice);
  }
  if (!text.empty()) return text;
  return fmt::format("Nothing took {} ms or longer since the monitor was turned on or reset.\n",
                     monitor.threshold_ms());
}

}  // namespace holdfast
