#include "storage/base/parse_int.h"

#include <charconv>

namespace holdfast {
namespace {

template <typename Integer>
std::optional<Integer> ParseStrict(std::string_view text) {
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
