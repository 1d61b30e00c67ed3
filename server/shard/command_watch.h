// CommandWatch: what the commands of one shard cost, and which of them were slow.
//
// The clock is read once for each command, when it is done: a command's time goes from the end of
// the one before it in the same turn, or from the turn's (or the batch's) start, so finding and
// routing it count as its own. Two readings would cost twice as much and leave that out.
//
//   turn starts   GET done   GET done   batch pushed   SET done
//        |-- GET ----|-- GET ---|                |-- SET ----|      StartLap at "|" on the left
//
// No clock of its own: ServerState's SpanClock, which a test moves.
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <optional>

#include "server/command.h"
#include "server/server_state.h"

namespace holdfast {

class CommandWatch {
 public:
  CommandWatch(ServerState& server, ShardStats& stats) : server_(server), stats_(stats) {}

  void SetConfig(const Config& config);

  void StartLap() { lap_ns_ = server_.span_clock.Ns(); }

  // A command has run. The id of its place in the slow log, if it has got one: the client's name
  // there is the caller's to add.
  std::optional<uint64_t> Ran(const CommandSpec& command, Args words, CommandStats::Run run,
                              UnixMs now) {
    const uint64_t took = EndLap();
    stats_.commands.Ran(command, took, run);
    if (took < unusual_ns_) [[likely]]
      return std::nullopt;
    return NoteSlow(command, words, took, now);
  }

  // What ran since StartLap was no command.
  void Note(LatencyEvent event, UnixMs now);

 private:
  // Two counters of two processors may differ: never less than nothing.
  uint64_t EndLap() {
    const uint64_t now_ns = server_.span_clock.Ns();
    const uint64_t took = now_ns > lap_ns_ ? now_ns - lap_ns_ : 0;
    lap_ns_ = now_ns;
    return took;
  }
  std::optional<uint64_t> NoteSlow(const CommandSpec& command, Args words, uint64_t took_ns,
                                   UnixMs now);

  ServerState& server_;
  ShardStats& stats_;
  uint64_t lap_ns_ = 0;
  uint64_t unusual_ns_ = UINT64_MAX;  // the lower of the two below
  uint64_t slow_log_ns_ = UINT64_MAX;
  size_t slow_log_length_ = 0;
};

}  // namespace holdfast
