// How many seeds a test plays: all together about two minutes of one core in what users run, and
// less where checks or a sanitizer make each of them many times as long. From the environment, one
// command runs a hundred thousand of them, or one alone:
//
//   HOLDFAST_SIM_SEEDS   so many
//   HOLDFAST_SIM_FIRST   from this one on
#pragma once

#include <cstdint>
#include <cstdlib>

namespace holdfast {

inline uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// HOLDFAST_SIM_SHARE: 1, or by how much fewer (CMakeLists.txt).
inline constexpr uint64_t kSeedsOfSales = 1500 / HOLDFAST_SIM_SHARE;
inline constexpr uint64_t kSeedsOfGroups = 1000 / HOLDFAST_SIM_SHARE;
inline constexpr uint64_t kSeedsOfLedgers = 2500 / HOLDFAST_SIM_SHARE;
inline constexpr uint64_t kSeedsOfReplication = 6000 / HOLDFAST_SIM_SHARE;
inline constexpr uint64_t kSeedsOfSellOuts = 600 / HOLDFAST_SIM_SHARE;

// play(seed) until it is false.
template <typename F>
void ForEachSeed(uint64_t seeds, F&& play) {
  const uint64_t first = FromEnvironment("HOLDFAST_SIM_FIRST", 1);
  const uint64_t end = first + FromEnvironment("HOLDFAST_SIM_SEEDS", seeds);
  for (uint64_t seed = first; seed < end && play(seed); ++seed) {
  }
}

}  // namespace holdfast
