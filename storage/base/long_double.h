// Real numbers as Redis reads them from a client and writes them back: what INCRBYFLOAT and
// HINCRBYFLOAT add up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// The whole word, as strtold reads it: "10", "-1.5e3", "0x1p-3", "inf". Nothing for "", " 1", "1 ",
// "nan", what is too large, or so small that only zero is left of it.
std::optional<long double> ParseLongDouble(std::string_view text);

// Without an exponent, 17 digits behind the point at most, and no zeros at the end: "3", "0.1",
// "-0.5", "0". Requires: finite.
std::string LongDoubleText(long double value);

}  // namespace holdfast
