// Integers as Redis reads them from a client: strict, the whole word, no sign but '-', no leading
// zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

// "0", "-1", "9223372036854775807"; nothing for "", "+1", "-0", "01", " 1", "1 ", or beyond int64.
std::optional<int64_t> ParseInt64(std::string_view text);

// As ParseInt64, within [0, 2^64-1].
std::optional<uint64_t> ParseUint64(std::string_view text);

}  // namespace holdfast
