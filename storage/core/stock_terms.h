// What every decision about stock is given and what it yields. A decider reads and never writes:
// its answer and its mutation depend on nothing but its arguments.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "storage/base/server_time.h"
#include "storage/core/item_options.h"

namespace holdfast {

// The server's time of a command. Holds with deadline <= due are due. `due` is `now`, except where
// nothing may fall due (the grace after a restart, a replica): there it is kNever.
struct Instant {
  UnixMs now;
  UnixMs due;
};

// The server's configuration, as far as the ledger looks at it. What it decides ends as facts in
// mutations: a replay under another configuration gives the same state.
struct LedgerLimits {
  DurationMs hold_life_max =
      std::chrono::hours(2);  // no hold lives longer, counted from its making
  DurationMs ttl_default = std::chrono::seconds(900);
  DurationMs retention_default = std::chrono::hours(24);
  uint32_t fence_max = 10'000;  // a SKU; the oldest go first
};

// An answer, and what must be applied for it to be true (nothing, if nothing changes).
template <typename Outcome, typename Mutation>
struct Decision {
  Outcome outcome;
  std::optional<Mutation> mutation = std::nullopt;
};

// `from + span`, or the end of time where that would overflow. Requires: span >= 0.
constexpr UnixMs After(UnixMs from, DurationMs span) {
  return span > UnixMs::max() - std::max(from, kNever) ? UnixMs::max() : from + span;
}

// When what finishes now is forgotten.
constexpr UnixMs ForgetAt(const ItemOptions& options, const LedgerLimits& limits, UnixMs now) {
  return After(now, options.retain > DurationMs{0} ? options.retain : limits.retention_default);
}

}  // namespace holdfast
