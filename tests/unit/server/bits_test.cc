#include "server/commands/bits.h"

#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr int64_t kInt64Max = std::numeric_limits<int64_t>::max();
constexpr int64_t kInt64Min = std::numeric_limits<int64_t>::min();

BitField Signed(int bits, uint64_t offset = 0) {
  return {.is_signed = true, .bits = bits, .offset = offset};
}
BitField Unsigned(int bits, uint64_t offset = 0) {
  return {.is_signed = false, .bits = bits, .offset = offset};
}

// Long runs of equal bits with a few others in between, so that words are skipped and not skipped.
std::string RandomBytes(std::mt19937& random, size_t size) {
  std::string bytes(size, random() % 2 == 0 ? '\0' : '\xff');
  for (size_t i = random() % 4; i > 0 && size > 0; --i) {
    bytes[random() % size] = static_cast<char>(random());
  }
  return bytes;
}

TEST(BitAt, CountsFromTheHighestBitOfTheFirstByte) {
  const std::string bytes = "\x80\x01";
  for (uint64_t bit = 0; bit < 100; ++bit) EXPECT_EQ(BitAt(bytes, bit), bit == 0 || bit == 15);
}

TEST(CountOnes, AndFindBitLookAtEveryBitOfTheRangeAndAtNoOther) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    const std::string bytes = RandomBytes(random, 1 + random() % 40);
    const auto bits = static_cast<int64_t>(bytes.size()) * kBitsPerByte;
    const auto first = static_cast<int64_t>(random()) % bits;
    const Range range{first, first + static_cast<int64_t>(random()) % (bits - first)};
    int64_t ones = 0;
    std::optional<int64_t> found[2];
    for (int64_t bit = range.first; bit <= range.last; ++bit) {
      const bool one = BitAt(bytes, static_cast<uint64_t>(bit));
      ones += one ? 1 : 0;
      if (!found[one ? 1 : 0]) found[one ? 1 : 0] = bit;
    }
    ASSERT_EQ(CountOnes(bytes, range), ones) << round;
    ASSERT_EQ(FindBit(bytes, false, range), found[0]) << round;
    ASSERT_EQ(FindBit(bytes, true, range), found[1]) << round;
  }
}

TEST(CountOnes, AnEmptyRangeHoldsNothing) {
  EXPECT_EQ(CountOnes("", {0, -1}), 0);
  EXPECT_EQ(CountOnes("\xff", {5, 4}), 0);
  EXPECT_FALSE(FindBit("", false, {0, -1}));
  EXPECT_FALSE(FindBit("\xff", true, {5, 4}));
}

TEST(CombineBits, TakesTheMissingBytesOfShorterSourcesForZeros) {
  const std::vector<std::string_view> sources = {"\xf0\xff", "\x3c", std::string_view("\0\1\2", 3)};
  EXPECT_EQ(CombineBits(BitOperation::kAnd, sources), std::string("\0\0\0", 3));
  EXPECT_EQ(CombineBits(BitOperation::kOr, sources), "\xfc\xff\x02");
  EXPECT_EQ(CombineBits(BitOperation::kXor, sources), "\xcc\xfe\x02");
  const std::vector<std::string_view> longest_first = {"\xff\xff", "\xf0"};
  EXPECT_EQ(CombineBits(BitOperation::kAnd, longest_first), std::string("\xf0\0", 2));
  const std::vector<std::string_view> one = {std::string_view("\0\x55", 2)};
  EXPECT_EQ(CombineBits(BitOperation::kNot, one), "\xff\xaa");
  EXPECT_EQ(CombineBits(BitOperation::kOr, one), one[0]);
}

TEST(BitFields, AValueComesBackAndItsNeighboursStay) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 20'000; ++round) {
    const bool is_signed = random() % 2 == 0;
    const auto bits = static_cast<int>(1 + random() % (is_signed ? 64 : 63));
    const BitField field{is_signed, bits, random() % 100};
    std::string bytes(random() % 24, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const int64_t value =
        FitField(field, static_cast<int64_t>(random()), 0, Overflow::kWrap).value();

    const FieldBytes with = WithField(bytes, field, value);
    std::string written = bytes;
    written.resize(std::max(written.size(), with.offset + with.bytes.size()));
    written.replace(with.offset, with.bytes.size(), with.bytes);
    ASSERT_LE(with.bytes.size(), 9u);
    ASSERT_EQ(ReadField(written, field), value) << round;
    for (uint64_t bit = 0; bit < 300; ++bit) {
      const bool inside = bit >= field.offset && bit < field.end();
      ASSERT_TRUE(inside || BitAt(written, bit) == BitAt(bytes, bit)) << round;
    }
  }
}

TEST(BitFields, AreReadWithTheirSign) {
  EXPECT_EQ(ReadField("\xff", Signed(8)), -1);
  EXPECT_EQ(ReadField("\xff", Unsigned(8)), 255);
  EXPECT_EQ(ReadField("\x0f\xf0", Unsigned(8, 4)), 255);
  EXPECT_EQ(ReadField("\xff", Signed(8, 4)), -16);  // four ones, then what is not there
  EXPECT_EQ(ReadField("\x80", Signed(1)), -1);
  EXPECT_EQ(ReadField(std::string(8, '\xff'), Signed(64)), -1);
  EXPECT_EQ(ReadField(std::string(8, '\xff'), Unsigned(63)), kInt64Max);
  EXPECT_EQ(ReadField("", Signed(64, 1'000'000)), 0);
}

struct FitCase {
  BitField field;
  int64_t value;
  int64_t delta;
  int64_t wrapped;
  int64_t saturated;
  bool fits;
};

TEST(FitField, WrapsSaturatesOrFailsAtBothEdges) {
  const FitCase cases[] = {
      {Unsigned(8), 250, 5, 255, 255, true},
      {Unsigned(8), 250, 6, 0, 255, false},
      {Unsigned(8), 5, -5, 0, 0, true},
      {Unsigned(8), 5, -6, 255, 0, false},
      {Unsigned(8), 257, 0, 1, 255, false},
      {Unsigned(8), -1, 0, 255, 255, false},  // SET of a negative one: too large
      {Unsigned(63), kInt64Max, 1, 0, kInt64Max, false},
      {Unsigned(63), kInt64Max, kInt64Max, kInt64Max - 1, kInt64Max, false},
      {Unsigned(63), 0, kInt64Min, 0, 0, false},
      {Unsigned(1), 1, 1, 0, 1, false},
      {Signed(8), 120, 7, 127, 127, true},
      {Signed(8), 120, 8, -128, 127, false},
      {Signed(8), -120, -8, -128, -128, true},
      {Signed(8), -120, -9, 127, -128, false},
      {Signed(8), 1000, 0, -24, 127, false},
      {Signed(8), -1000, 0, 24, -128, false},
      {Signed(1), 0, 1, -1, 0, false},
      {Signed(1), 0, -1, -1, -1, true},
      {Signed(64), kInt64Max, 1, kInt64Min, kInt64Max, false},
      {Signed(64), kInt64Min, -1, kInt64Max, kInt64Min, false},
      {Signed(64), kInt64Min, kInt64Min, 0, kInt64Min, false},
      {Signed(64), kInt64Min, kInt64Max, -1, -1, true},
      {Signed(8), 127, kInt64Max, 126, 127, false},
      {Signed(8), -128, kInt64Min, -128, -128, false},
  };
  for (const FitCase& one : cases) {
    SCOPED_TRACE(std::to_string(one.field.bits) + " bits, " + std::to_string(one.value) + " + " +
                 std::to_string(one.delta));
    EXPECT_EQ(FitField(one.field, one.value, one.delta, Overflow::kWrap), one.wrapped);
    EXPECT_EQ(FitField(one.field, one.value, one.delta, Overflow::kSaturate), one.saturated);
    const auto or_nothing = FitField(one.field, one.value, one.delta, Overflow::kFail);
    EXPECT_EQ(or_nothing, one.fits ? std::optional(one.wrapped) : std::nullopt);
  }
}

}  // namespace
}  // namespace holdfast
