// ASCII words: command names and options come in any case, whatever the locale.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace holdfast {

// The same bytes, 2 to 16 of them: two loads of each that may overlap. False for other sizes.
inline bool SameShort(const char* a, const char* b, size_t size) {
  const auto same = [&]<typename Bytes>(Bytes) {
    Bytes of_a[2], of_b[2];
    std::memcpy(&of_a[0], a, sizeof(Bytes));
    std::memcpy(&of_b[0], b, sizeof(Bytes));
    std::memcpy(&of_a[1], a + size - sizeof(Bytes), sizeof(Bytes));
    std::memcpy(&of_b[1], b + size - sizeof(Bytes), sizeof(Bytes));
    return of_a[0] == of_b[0] && of_a[1] == of_b[1];
  };
  if (size < 2 || size > 16) return false;
  if (size < 4) return same(uint16_t{});
  return size <= 8 ? same(uint32_t{}) : same(uint64_t{});
}

constexpr char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// EqualsIgnoreCase(word, "EX"). Most clients write words as we do, and most words are short.
constexpr bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (!std::is_constant_evaluated() && SameShort(a.data(), b.data(), a.size())) return true;
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return x == y || LowerCase(x) == LowerCase(y); });
}

inline std::string LowerCased(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerCase);
  return lower;
}

}  // namespace holdfast
