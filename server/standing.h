// Standing: how this server stands in its group, as far as shards and sockets must know it: whether
// the state is theirs to change, what is acked, and how long an answer holds.
//
// Replication writes it; every loop reads it at the beginning of its work.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "storage/base/server_time.h"
#include "storage/base/slot.h"
#include "storage/log.h"
#include "storage/waker.h"

namespace holdfast {

struct Standing {
  // A replica: the state is what the primary's log makes of it, as far as that is acked. Nothing is
  // decided here, and nothing expires by itself. Whoever reads false (acquire) has a state that
  // holds the whole log.
  std::atomic<bool> follows{false};
  // Of a replica: the primary is heard.
  std::atomic<bool> link_up{false};

  // Of a replica: the instant of the server clock at which it last heard of nothing that it does
  // not show; kNever: it has not yet.
  std::atomic<UnixMs> shows_all_of{kNever};

  // Batches up to here are acked by the group; kAlone: those that are durable here are.
  static constexpr Index kAlone = ~Index{0};
  std::atomic<Index> acked{kAlone};

  // No answer leaves later than this instant of the steady clock: another node might lead then, and
  // know better. Look at the clock after the state.
  static constexpr int64_t kForGood = INT64_MAX;
  std::atomic<int64_t> answers_until_ns{kForGood};

  // Of a replica, by shard: what its keyspace holds, of those mutations that are its own. Each has
  // one writer, its shard, which wakes `on_applied` at the end of its turn. What a start loaded is
  // noted before the shard's first turn (Shard::NoteLoaded).
  std::array<std::atomic<Index>, kPartitions> applied{};
  Waker* on_applied = nullptr;  // set before the shards start
};

}  // namespace holdfast
