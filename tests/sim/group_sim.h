// Seeded transactions over shards: money moves between accounts that live on different shards,
// under every interleaving of letters, turns, writes and syncs that the seed chooses, with crashes.
// What no order of whole transactions explains is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast {

struct GroupSimOptions {
  int shards = 3;
  int steps = 300;  // between two crashes
  int crashes = 5;
};

// What was wrong, or nothing. The same seed gives the same run.
std::optional<std::string> RunGroupSim(uint64_t seed, const GroupSimOptions& options = {});

}  // namespace holdfast
