#include "server/shard/command_watch.h"

#include <algorithm>

#include "server/commands/secrets.h"

namespace holdfast {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

}  // namespace

void CommandWatch::SetConfig(const Config& config) {
  const auto ns = [](int64_t units, uint64_t each) { return static_cast<uint64_t>(units) * each; };
  slow_log_length_ = static_cast<size_t>(config.slowlog_max_len);
  slow_log_ns_ =
      config.slowlog_log_slower_than < 0 ? UINT64_MAX : ns(config.slowlog_log_slower_than, 1000);
  const uint64_t latency_ns = config.latency_monitor_threshold == 0
                                  ? UINT64_MAX
                                  : ns(config.latency_monitor_threshold, kNsPerMs);
  unusual_ns_ = std::min(slow_log_ns_, latency_ns);
}

void CommandWatch::Note(LatencyEvent event, UnixMs now) {
  server_.latency.Add(event, now, static_cast<int64_t>(EndLap() / kNsPerMs));
}

std::optional<uint64_t> CommandWatch::NoteSlow(const CommandSpec& command, Args words,
                                               uint64_t took_ns, UnixMs now) {
  const bool fast = (command.flags & kFast) != 0;
  server_.latency.Add(fast ? LatencyEvent::kFastCommand : LatencyEvent::kCommand, now,
                      static_cast<int64_t>(took_ns / kNsPerMs));
  if (took_ns < slow_log_ns_ || slow_log_length_ == 0) return std::nullopt;
  return server_.slow_log.Add({.at = now,
                               .us = static_cast<int64_t>(took_ns / 1000),
                               .words = SlowLogWords(WithoutSecrets(command, words)),
                               .address = {},
                               .name = {}},
                              slow_log_length_);
}

}  // namespace holdfast
