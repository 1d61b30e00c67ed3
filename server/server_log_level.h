// How much the server log tells, from everything to what needs somebody's attention.
#pragma once

#include <cstdint>

namespace holdfast {

enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning };

}  // namespace holdfast
