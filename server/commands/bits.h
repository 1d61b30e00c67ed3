// Bits of a string: looked up, counted, found, combined, and read as integers of any width.
//
// Bit 0 is the highest of the first byte; what lies behind the last byte reads as zero:
//
//   byte   0                 1
//   bit    0 1 2 3 4 5 6 7   8 9 ...
//
// Pure: the commands are in server/commands/bitmaps.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/commands/ranges.h"

namespace holdfast {

inline constexpr int kBitsPerByte = 8;

bool BitAt(std::string_view bytes, uint64_t bit);

// How many bits of `bits` are one. Requires: empty, or within the bytes.
int64_t CountOnes(std::string_view bytes, Range bits);

// The first bit of `bits` that is `wanted`. Requires: empty, or within the bytes.
std::optional<int64_t> FindBit(std::string_view bytes, bool wanted, Range bits);

enum class BitOperation : uint8_t { kAnd, kOr, kXor, kNot };

// As long as the longest source; the shorter ones are followed by zeros. Requires: one source for
// kNot.
std::string CombineBits(BitOperation operation, std::span<const std::string_view> sources);

// ---- bit fields: integers within a string, highest bit first, wherever they start

struct BitField {
  bool is_signed;
  int bits;  // 1 to 64; 63 at most if unsigned
  uint64_t offset;

  uint64_t end() const { return offset + static_cast<uint64_t>(bits); }
};

int64_t ReadField(std::string_view bytes, const BitField& field);

// The bytes that a field lies in, with `value` in the field and what they have around it.
struct FieldBytes {
  size_t offset;  // of the first of them
  std::string bytes;
};
FieldBytes WithField(std::string_view bytes, const BitField& field, int64_t value);

enum class Overflow : uint8_t { kWrap, kSaturate, kFail };

// What the field holds when `value + delta` is to be in it; nothing if that does not fit and
// `overflow` is kFail. In an unsigned field a negative `value` is one too large, as Redis takes it.
std::optional<int64_t> FitField(const BitField& field, int64_t value, int64_t delta,
                                Overflow overflow);

}  // namespace holdfast
