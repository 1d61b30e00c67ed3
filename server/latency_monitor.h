// LatencyMonitor: when something took longer than latency-monitor-threshold, by event, for LATENCY.
//
//   command       a command that may take long (its row says so)
//   fast-command  one that should not: constant or logarithmic time
//   log-sync      the log's sync to disk, for which gated replies wait
//   snapshot      a turn's slice of a snapshot
//   sweep         a turn's slice of what expires and of what is forgotten
//   sync-member   what was durable here until it was on every member of the sync set
//
// One for the process: what is slow is rare, so a lock is cheap.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/server_time.h"

namespace holdfast {

enum class LatencyEvent : uint8_t {
  kDefrag,
  kCommand,
  kFastCommand,
  kLogSync,
  kSnapshot,
  kSweep,
  kSyncMember
};
inline constexpr std::array<std::string_view, 7> kLatencyEventNames = {
    "active-defrag-cycle", "command", "fast-command", "log-sync", "snapshot", "sweep",
    "sync-member"};

struct LatencySample {
  int64_t unix_s;
  int64_t ms;  // the longest of that second
};

struct LatencyHistory {
  static constexpr size_t kSamplesMax = 160;

  std::deque<LatencySample> samples;  // oldest first, one for each second that had any
  int64_t longest_ms = 0;             // ever, not only of those kept

  void Add(LatencySample sample);
  bool empty() const { return samples.empty(); }
};

// Any thread.
class LatencyMonitor {
 public:
  // 0: nothing is noted.
  void SetThreshold(int64_t ms) { threshold_ms_.store(ms, std::memory_order_relaxed); }
  int64_t threshold_ms() const { return threshold_ms_.load(std::memory_order_relaxed); }
  bool Notes(int64_t ms) const {
    const int64_t threshold = threshold_ms();
    return threshold > 0 && ms >= threshold;
  }

  // Requires: Notes(ms), or nothing is noted.
  void Add(LatencyEvent event, UnixMs at, int64_t ms);
  LatencyHistory HistoryOf(LatencyEvent event) const;
  // True if there was anything to forget.
  bool Reset(LatencyEvent event);

 private:
  std::atomic<int64_t> threshold_ms_{0};
  mutable std::mutex mutex_;
  std::array<LatencyHistory, kLatencyEventNames.size()> histories_;  // under mutex_
};

// In any case; none if there is no such event.
std::optional<LatencyEvent> FindLatencyEvent(std::string_view name);

// For LATENCY GRAPH: a column for each sample, oldest left. Requires: !history.empty().
std::string LatencyGraph(std::string_view name, const LatencyHistory& history);

// For LATENCY DOCTOR: what each event shows, and what to look at.
std::string LatencyReport(const LatencyMonitor& monitor);

}  // namespace holdfast
