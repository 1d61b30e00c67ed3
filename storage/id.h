// Id: 16 random bytes that name something for good, on every machine. A type for each kind of
// thing, so that a node's name never passes for a history's.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "storage/base/hex.h"
#include "storage/base/status.h"

namespace holdfast {

template <typename Named>
struct Id {
  std::array<char, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  std::string Hex() const { return HexOf(view()); }
};

// From the system's random numbers. Blocks only while the machine has none yet, early at boot.
// Requires: at most 256 bytes.
Status DrawRandom(void* out, size_t bytes);

template <typename Named>
Status DrawId(Id<Named>& out) {
  return DrawRandom(out.bytes.data(), out.bytes.size());
}

}  // namespace holdfast
