#include "server/commands/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

constexpr uint8_t kAllOnes = 0xff;

uint8_t ByteAt(std::string_view bytes, uint64_t at) {
  return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0;
}

// Eight at once, in whatever order they lie. Requires: they are there.
uint64_t WordAt(std::string_view bytes, uint64_t at) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

// The bits of byte `at` that lie within the range.
uint8_t MaskOf(Range bits, int64_t at) {
  uint8_t mask = kAllOnes;
  if (at == bits.first / kBitsPerByte) {
    mask = static_cast<uint8_t>(mask & (kAllOnes >> (bits.first % kBitsPerByte)));
  }
  if (at == bits.last / kBitsPerByte) {
    mask = static_cast<uint8_t>(mask & (kAllOnes << (kBitsPerByte - 1 - bits.last % kBitsPerByte)));
  }
  return mask;
}

bool LieWithin(std::string_view bytes, Range bits) {
  return bits.empty() ||
         (bits.first >= 0 && bits.last / kBitsPerByte < static_cast<int64_t>(bytes.size()));
}

template <typename Operation>
std::string Combine(std::span<const std::string_view> sources, size_t size, Operation operation) {
  std::string result(sources.front());
  result.resize(size);
  for (const std::string_view source : sources.subspan(1)) {
    for (size_t at = 0; at < source.size(); ++at) {
      result[at] = static_cast<char>(operation(result[at], source[at]));
    }
    for (size_t at = source.size(); at < size; ++at) {
      result[at] = static_cast<char>(operation(result[at], '\0'));
    }
  }
  return result;
}

// The lowest bits of `value` as the field reads them.
int64_t Truncated(const BitField& field, uint64_t value) {
  const int unused = std::numeric_limits<uint64_t>::digits - field.bits;
  const uint64_t shifted = value << unused;
  return field.is_signed ? static_cast<int64_t>(shifted) >> unused
                         : static_cast<int64_t>(shifted >> unused);
}

}  // namespace

bool BitAt(std::string_view bytes, uint64_t bit) {
  return ((ByteAt(bytes, bit / kBitsPerByte) >> (kBitsPerByte - 1 - bit % kBitsPerByte)) & 1) != 0;
}

int64_t CountOnes(std::string_view bytes, Range bits) {
  Invariant(LieWithin(bytes, bits));
  if (bits.empty()) return 0;
  const int64_t end = bits.last / kBitsPerByte + 1;
  int64_t ones = 0;
  int64_t at = bits.first / kBitsPerByte;
  const auto count_byte = [&] {
    const auto byte = ByteAt(bytes, static_cast<uint64_t>(at));
    ones += std::popcount(static_cast<uint8_t>(byte & MaskOf(bits, at)));
    ++at;
  };
  count_byte();
  for (; at + static_cast<int64_t>(sizeof(uint64_t)) < end; at += sizeof(uint64_t)) {
    ones += std::popcount(WordAt(bytes, static_cast<uint64_t>(at)));
  }
  while (at < end) count_byte();
  return ones;
}

std::optional<int64_t> FindBit(std::string_view bytes, bool wanted, Range bits) {
  Invariant(LieWithin(bytes, bits));
  if (bits.empty()) return std::nullopt;
  const uint8_t unwanted = wanted ? 0 : kAllOnes;
  const uint64_t unwanted_word = wanted ? 0 : std::numeric_limits<uint64_t>::max();
  const int64_t end = bits.last / kBitsPerByte + 1;
  int64_t at = bits.first / kBitsPerByte;
  while (at < end) {
    const bool skips_word = at + static_cast<int64_t>(sizeof(uint64_t)) <= end &&
                            WordAt(bytes, static_cast<uint64_t>(at)) == unwanted_word;
    if (skips_word) {
      at += sizeof(uint64_t);
      continue;
    }
    const auto found = static_cast<uint8_t>((ByteAt(bytes, static_cast<uint64_t>(at)) ^ unwanted) &
                                            MaskOf(bits, at));
    if (found != 0) return at * kBitsPerByte + std::countl_zero(found);
    ++at;
  }
  return std::nullopt;
}

std::string CombineBits(BitOperation operation, std::span<const std::string_view> sources) {
  Invariant(!sources.empty());
  size_t size = 0;
  for (const std::string_view source : sources) size = std::max(size, source.size());
  switch (operation) {
    case BitOperation::kAnd:
      return Combine(sources, size, [](char a, char b) { return a & b; });
    case BitOperation::kOr:
      return Combine(sources, size, [](char a, char b) { return a | b; });
    case BitOperation::kXor:
      return Combine(sources, size, [](char a, char b) { return a ^ b; });
    case BitOperation::kNot:
      break;
  }
  Invariant(sources.size() == 1);
  std::string result(sources.front());
  for (char& byte : result) byte = static_cast<char>(~byte);
  return result;
}

int64_t ReadField(std::string_view bytes, const BitField& field) {
  uint64_t value = 0;
  for (uint64_t bit = field.offset; bit < field.end(); ++bit) {
    value = value << 1 | uint64_t{BitAt(bytes, bit)};
  }
  return Truncated(field, value);
}

FieldBytes WithField(std::string_view bytes, const BitField& field, int64_t value) {
  const uint64_t first = field.offset / kBitsPerByte;
  const uint64_t last = (field.end() - 1) / kBitsPerByte;
  FieldBytes result{.offset = first, .bytes = {}};
  for (uint64_t at = first; at <= last; ++at) {
    result.bytes.push_back(static_cast<char>(ByteAt(bytes, at)));
  }
  auto rest = static_cast<uint64_t>(value);
  for (uint64_t bit = field.end(); bit-- > field.offset; rest >>= 1) {
    char& byte = result.bytes[bit / kBitsPerByte - first];
    const auto mask = 1U << (kBitsPerByte - 1 - bit % kBitsPerByte);
    const auto others = static_cast<uint8_t>(byte) & ~mask;
    byte = static_cast<char>(others | ((rest & 1) != 0 ? mask : 0));
  }
  return result;
}

std::optional<int64_t> FitField(const BitField& field, int64_t value, int64_t delta,
                                Overflow overflow) {
  const int value_bits = field.is_signed ? field.bits - 1 : field.bits;
  const auto max = static_cast<int64_t>((uint64_t{1} << value_bits) - 1);
  const int64_t min = field.is_signed ? -max - 1 : 0;
  int64_t sum = 0;
  // Beyond int64 is beyond every field, on the side where delta leads.
  const bool beyond = __builtin_add_overflow(value, delta, &sum);
  const bool above = (!field.is_signed && value < 0) || (beyond ? delta > 0 : sum > max);
  const bool below = !above && (beyond || sum < min);
  if (!above && !below) return sum;
  switch (overflow) {
    case Overflow::kWrap:
      return Truncated(field, static_cast<uint64_t>(value) + static_cast<uint64_t>(delta));
    case Overflow::kSaturate:
      return above ? max : min;
    case Overflow::kFail:
      break;
  }
  return std::nullopt;
}

}  // namespace holdfast
