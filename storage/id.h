// Id: 16 random bytes that name something for good, on every machine. A type for each kind of
// thing, so that a node's name never passes for a history's.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

namespace holdfast {

// 32 hex digits.
std::string HexOfId(std::string_view bytes);

template <typename Named>
struct Id {
  std::array<char, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  std::string Hex() const { return HexOfId(view()); }
};

}  // namespace holdfast
