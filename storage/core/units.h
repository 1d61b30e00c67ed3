// Units of stock and the bounds of what names them. The command layer answers input beyond these
// bounds; below it they are invariants.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast {

using Units = int64_t;

inline constexpr Units kHoldUnitsMax = 2147483647;  // of one hold
inline constexpr size_t kIdBytesMax = 128;          // of a hold id, a buyer or a ref
inline constexpr size_t kReasonBytesMax = 128;
inline constexpr size_t kMetaBytesMax = 1024;

constexpr bool IsHoldUnits(Units units) { return units >= 1 && units <= kHoldUnitsMax; }
constexpr bool IsId(size_t bytes) { return bytes >= 1 && bytes <= kIdBytesMax; }

}  // namespace holdfast
