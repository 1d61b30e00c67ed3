// Two numbers of 48 bits in 12 bytes: instants and addresses, where there are millions of them.
//
//   | first:48 | second:48 |
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "storage/base/invariant.h"
#include "storage/base/server_time.h"

namespace holdfast {

class Pair48 {
 public:
  static constexpr uint64_t kMax = (uint64_t{1} << 48) - 1;

  // Requires: both at most kMax.
  constexpr Pair48(uint64_t first, uint64_t second)
      : words_{static_cast<uint32_t>(first), static_cast<uint32_t>(first >> 32 | second << 16),
               static_cast<uint32_t>(second >> 16)} {
    Invariant(first <= kMax);
    Invariant(second <= kMax);
  }
  constexpr uint64_t first() const { return Two(0) & kMax; }
  constexpr uint64_t second() const { return Two(1) >> 16; }

 private:
  // Halves of 32 bits: aligned to no more, or an entry would be padded to 16 bytes.
  constexpr uint64_t Two(size_t at) const {
    return words_[at] | static_cast<uint64_t>(words_[at + 1]) << 32;
  }

  std::array<uint32_t, 3> words_;
};

// An instant as such a number. What lies behind the last one that fits, in the year 10889, becomes
// that one: it is never reached either. Requires: not before 1970.
constexpr uint64_t ToBits48(UnixMs instant) {
  Invariant(instant >= kNever);
  return std::min(static_cast<uint64_t>(ToUnixMs(instant)), Pair48::kMax);
}
constexpr UnixMs FromBits48(uint64_t bits) { return FromUnixMs(static_cast<int64_t>(bits)); }

}  // namespace holdfast
