// A seeded sale: buyers on several shards, a log that is written and synced when the seed says so,
// letters that arrive when the seed says so, crashes that lose what was not synced; and an oracle
// that wrote down every acknowledged answer and holds the recovered server to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/sim_server.h"

namespace holdfast {

struct SaleSimOptions {
  int shards = 3;
  int steps = 600;  // between two crashes
  int crashes = 3;
  SimLies lies = {};
};

// What was wrong, or nothing. The same seed gives the same run.
std::optional<std::string> RunSaleSim(uint64_t seed, const SaleSimOptions& options = {});

}  // namespace holdfast
