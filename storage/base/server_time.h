// The types of time. An instant and a length are two types: instants will not add up by mistake.
// Nothing here reads a clock; server/clock.h alone does.
#pragma once

#include <chrono>
#include <cstdint>

namespace holdfast {

using DurationMs = std::chrono::milliseconds;
using UnixMs = std::chrono::sys_time<DurationMs>;

// "Never": no deadline, no opening, no closing. Zero, as replies and the formats on disk show it.
inline constexpr UnixMs kNever{};

constexpr UnixMs FromUnixMs(int64_t ms) { return UnixMs{DurationMs{ms}}; }
constexpr int64_t ToUnixMs(UnixMs instant) { return instant.time_since_epoch().count(); }

}  // namespace holdfast
