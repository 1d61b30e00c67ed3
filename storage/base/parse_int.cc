#include "storage/base/parse_int.h"

#include <charconv>

namespace holdfast {
namespace {

unsigned DigitOf(char c) { return static_cast<unsigned char>(c) - unsigned{'0'}; }

// Nearly all numbers: of so few digits that they fit whichever integer, and no sign.
std::optional<uint64_t> ParsePlain(std::string_view text) {
  constexpr size_t kDigitsMax = 18;
  if (text.empty() || text.size() > kDigitsMax) return std::nullopt;
  uint64_t value = DigitOf(text[0]);
  if (value > 9 || (value == 0 && text.size() > 1)) return std::nullopt;
  for (size_t i = 1; i < text.size(); ++i) {
    const unsigned digit = DigitOf(text[i]);
    if (digit > 9) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

template <typename Integer>
std::optional<Integer> ParseStrict(std::string_view text) {
  if (const std::optional<uint64_t> plain = ParsePlain(text)) return static_cast<Integer>(*plain);
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.front() == '+') return std::nullopt;
  if (digits.front() == '0' && text.size() > 1) return std::nullopt;  // "-0", "01"
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> ParseInt64(std::string_view text) { return ParseStrict<int64_t>(text); }

std::optional<uint64_t> ParseUint64(std::string_view text) { return ParseStrict<uint64_t>(text); }

}  // namespace holdfast
