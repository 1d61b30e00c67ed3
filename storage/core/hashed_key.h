// A key with its hash, computed once per command: XXH3 with the history's secret seed, so that
// nobody can aim keys at one segment. The top bits choose the segment of a container, the low ones
// the place inside.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

// Secret, drawn once per history; travels with full sync, backup and restore.
struct HashSeed {
  uint64_t value = 0;
};

struct HashedKey {
  std::string_view key;
  uint64_t hash;
};

HashedKey HashKey(HashSeed seed, std::string_view key);

}  // namespace holdfast
