// Hex: two digits a byte.
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

inline std::string HexOf(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    hex += kDigits[value >> 4];
    hex += kDigits[value & 15];
  }
  return hex;
}

// False: it is not two lowercase digits for each of `size` bytes.
inline bool BytesOfHex(std::string_view hex, char* out, size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (hex.size() != 2 * size) return false;
  for (size_t i = 0; i < size; ++i) {
    const size_t high = kDigits.find(hex[2 * i]);
    const size_t low = kDigits.find(hex[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    out[i] = static_cast<char>(high << 4 | low);
  }
  return true;
}

}  // namespace holdfast
