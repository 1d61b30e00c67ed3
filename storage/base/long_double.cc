#include "storage/base/long_double.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Room for the largest: a sign, 4,933 digits, the point and 17 digits. Redis reads no longer words.
constexpr size_t kTextBytesMax = size_t{5} * 1024;

// More would show that a decimal fraction is none in binary: 0.1 is to stay 0.1.
constexpr int kFractionDigits = 17;

}  // namespace

std::optional<long double> ParseLongDouble(std::string_view text) {
  // strtold, since from_chars knows neither "+1" nor "0x1p-3". It wants an end, and no locale but
  // "C", the only one that this process ever has.
  std::array<char, kTextBytesMax> terminated;
  const bool skips_blank =
      !text.empty() && (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'));
  if (text.empty() || skips_blank || text.size() >= terminated.size()) return std::nullopt;
  *std::copy(text.begin(), text.end(), terminated.begin()) = '\0';
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(terminated.data(), &end);
  const bool out_of_range = errno == ERANGE && (std::isinf(value) || value == 0);
  if (out_of_range || std::isnan(value) || end != terminated.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::string LongDoubleText(long double value) {
  Invariant(std::isfinite(value));
  std::array<char, kTextBytesMax> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                          std::chars_format::fixed, kFractionDigits);
  Invariant(error == std::errc{});
  std::string text(digits.data(), end);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace holdfast
