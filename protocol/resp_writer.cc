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
  char* const end = at + DigitsOf(left);
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
