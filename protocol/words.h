// ASCII words: command names and options come in any case, whatever the locale.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace holdfast {

constexpr char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// EqualsIgnoreCase(word, "EX")
constexpr bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return x == y || LowerCase(x) == LowerCase(y);
         });
}

inline std::string LowerCased(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerCase);
  return lower;
}

}  // namespace holdfast
