// Id: 16 random bytes that name something for good, on every machine. A type for each kind of
// thing, so that a node's name never passes for a history's.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "storage/base/bytes.h"
#include "storage/base/hex.h"
#include "storage/base/status.h"

namespace holdfast {

template <typename Named>
struct Id {
  std::array<char, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  std::string Hex() const { return HexOf(view()); }
  // Reverses Hex. False: it is none.
  static bool FromHex(std::string_view hex, Id& out) {
    return BytesOfHex(hex, out.bytes.data(), out.bytes.size());
  }
};

// Zeros, and the reader has failed, where so many bytes are not there.
template <typename Named>
Id<Named> ReadId(ByteReader& reader) {
  Id<Named> id;
  std::ranges::copy(reader.Bytes(id.bytes.size()), id.bytes.begin());
  return id;
}

// From the system's random numbers. Blocks only while the machine has none yet, early at boot.
// Requires: at most 256 bytes.
Status DrawRandom(void* out, size_t bytes);

template <typename Named>
Status DrawId(Id<Named>& out) {
  return DrawRandom(out.bytes.data(), out.bytes.size());
}

}  // namespace holdfast
