#include "storage/base/parse_int.h"

#include <charconv>

namespace holdfast {
namespace {

// So many digits fit whichever integer.
constexpr size_t kSafeDigits = 18;

template <typename Integer>
std::optional<Integer> ParseStrict(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.front() == '+') return std::nullopt;
  if (digits.front() == '0' && text.size() > 1) return std::nullopt;  // "-0", "01"
  Integer value = 0;
  if (digits.size() <= kSafeDigits && !negative) [[likely]] {
    for (const char c : digits) {
      const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
      if (digit > 9) return std::nullopt;
      value = value * 10 + static_cast<Integer>(digit);
    }
    return value;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> ParseInt64(std::string_view text) { return ParseStrict<int64_t>(text); }

std::optional<uint64_t> ParseUint64(std::string_view text) { return ParseStrict<uint64_t>(text); }

}  // namespace holdfast
