// I11: with enough buyers of a unit each, no safety stock and no deadline that passes, everything
// is sold, whatever crashes come between: nothing is told to be sold out that is not, and no unit
// stays with nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast {

// What was wrong, or nothing. The same seed gives the same run.
std::optional<std::string> RunSellOutSim(uint64_t seed);

}  // namespace holdfast
