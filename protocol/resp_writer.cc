#include "protocol/resp_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// "000102...99"
constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = static_cast<char>('0' + (i % 2 == 0 ? i / 20 : i / 2 % 10));
  return pairs;
}();

// The power of ten with so many zeros.
constexpr auto kPowers = [] {
  std::array<uint64_t, 20> powers{1};
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// log10 by log2: 1233 / 4096 is the ratio, and one too many is seen by the power.
constexpr size_t DigitsOf(uint64_t value) {
  const auto guess = static_cast<size_t>(std::bit_width(value | 1) * 1233 >> 12);
  return guess + (value >= kPowers[guess] ? 1 : 0);
}
static_assert(DigitsOf(9) == 1 && DigitsOf(10) == 2 && DigitsOf(99) == 2 && DigitsOf(100) == 3);
static_assert(DigitsOf(999'999'999'999) == 12 && DigitsOf(1'000'000'000'000) == 13);
static_assert(DigitsOf(uint64_t{1} << 63) == 19);

// The eight digits of a number below 10^8, leading zeros among them, the first in the lowest byte.
// Fours, pairs and digits are parted side by side in one word; the divisions by 100 and 10 are
// multiplications that are exact for so few digits.
constexpr uint64_t EightDigits(uint64_t value) {
  const uint64_t fours = value / 10'000 | value % 10'000 << 32;
  const uint64_t hundreds = (fours * 10'486 >> 20) & 0x7f'0000'007f;
  const uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
  const uint64_t tens = (pairs * 103 >> 10) & 0x0f'000f'000f'000f;
  return (tens | (pairs - tens * 10) << 8) + 0x3030'3030'3030'3030;
}
static_assert(EightDigits(12'345'678) == 0x3837'3635'3433'3231);
static_assert(EightDigits(99'999'999) == 0x3939'3939'3939'3939);
static_assert(EightDigits(7) == 0x3730'3030'3030'3030);

constexpr int kDoubleDigits = 17;
constexpr size_t kFormatBytes = 3;  // of a verbatim string, before its ':'

}  // namespace

void RespWriter::SimpleString(std::string_view text) {
  out_.push_back('+');
  out_.append(text).append(kCrlf);
}

void RespWriter::Error(std::string_view text) {
  out_.push_back('-');
  const size_t start = out_.size();
  out_.append(text);
  // Otherwise a client could forge replies by having its own bytes quoted back to it.
  const auto breaks_line = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(out_.begin() + static_cast<ptrdiff_t>(start), out_.end(), breaks_line, ' ');
  out_.append(kCrlf);
}

void RespWriter::Bulk(std::string_view bytes) {
  if (out_.size() >= end_) return;
  Header('$', bytes.size());
  out_.append(bytes).append(kCrlf);
}

char* RespWriter::PutDigits(char* at, int64_t value) {
  auto left = static_cast<uint64_t>(value);
  if (value < 0) {
    *at++ = '-';
    left = 0 - left;
  }
  const size_t digits = DigitsOf(left);
  char* const end = at + digits;
  if (digits > 8 && digits <= 16) {  // an instant's 13, for one
    const uint64_t first = EightDigits(left / kPowers[8]) >> (16 - digits) * 8;
    const uint64_t last = EightDigits(left % kPowers[8]);
    std::memcpy(at, &first, sizeof first);
    std::memcpy(end - sizeof last, &last, sizeof last);
    return end;
  }
  char* digit = end;
  for (; left >= 100; left /= 100) std::memcpy(digit -= 2, &kPairs[left % 100 * 2], 2);
  if (left >= 10) {
    std::memcpy(digit - 2, &kPairs[left * 2], 2);
  } else {
    digit[-1] = static_cast<char>('0' + left);
  }
  return end;
}

void RespWriter::StatusArray(std::string_view status, std::initializer_list<int64_t> numbers) {
  Invariant(status.size() <= kStatusBytesMax && numbers.size() <= kStatusNumbersMax);
  char text[4 + 1 + kStatusBytesMax + 2 + kStatusNumbersMax * kNumberBytesMax];
  std::memcpy(text, "*?\r\n+", 5);
  text[1] = static_cast<char>('1' + numbers.size());
  char* end = std::copy(status.begin(), status.end(), text + 5);
  std::memcpy(end, "\r\n", 2);
  end += 2;
  for (const int64_t number : numbers) end = PutNumber(end, ':', number);
  out_.append(text, static_cast<size_t>(end - text));
}

void RespWriter::Double(double value) {
  char text[32];  // "-1.7976931348623157e+308" has 24
  char* end = nullptr;
  if (std::isfinite(value)) {
    end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, kDoubleDigits)
              .ptr;
  } else {
    const std::string_view word = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    end = std::copy(word.begin(), word.end(), text);
  }
  const std::string_view digits(text, static_cast<size_t>(end - text));
  if (!Resp3()) return Bulk(digits);
  out_.push_back(',');
  out_.append(digits).append(kCrlf);
}

void RespWriter::Boolean(bool value) {
  if (!Resp3()) return Raw(value ? kOneReply : kZeroReply);
  Raw(value ? "#t\r\n" : "#f\r\n");
}

void RespWriter::BigNumber(std::string_view digits) {
  if (!Resp3()) return Bulk(digits);
  out_.push_back('(');
  out_.append(digits).append(kCrlf);
}

void RespWriter::Verbatim(std::string_view format, std::string_view text) {
  Invariant(format.size() == kFormatBytes);
  if (!Resp3()) return Bulk(text);
  Header('=', format.size() + 1 + text.size());
  out_.append(format).append(":").append(text).append(kCrlf);
}

}  // namespace holdfast
