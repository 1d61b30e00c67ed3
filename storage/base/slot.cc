#include "storage/base/slot.h"

#include <array>
#include <bit>
#include <cstring>

namespace holdfast {
namespace {

// Eight tables let the loop take eight bytes a step ("slicing by 8", Kounavis and Berry 2005): a
// key of 16 bytes is 2 steps instead of 16 dependent look-ups.
using Tables = std::array<std::array<uint16_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    tables[0][byte] = static_cast<uint16_t>(crc);
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (size_t step = 1; step < tables.size(); ++step) {
      const unsigned before = tables[step - 1][byte];
      tables[step][byte] = static_cast<uint16_t>((before << 8) ^ tables[0][before >> 8]);
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

// Eight bytes of text, the first one lowest.
[[gnu::always_inline]] inline unsigned Step(unsigned crc, uint64_t bytes) {
  const auto at = [&](int i) { return static_cast<unsigned>(bytes >> (8 * i)) & 0xff; };
  return kTables[7][at(0) ^ (crc >> 8)] ^ kTables[6][at(1) ^ (crc & 0xff)] ^ kTables[5][at(2)] ^
         kTables[4][at(3)] ^ kTables[3][at(4)] ^ kTables[2][at(5)] ^ kTables[1][at(6)] ^
         kTables[0][at(7)];
}

uint64_t Load(const char* at) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

// Four to seven bytes as the last ones of eight, with zeros in front.
uint64_t LoadShort(std::string_view text) {
  uint32_t first = 0;
  uint32_t last = 0;
  std::memcpy(&first, text.data(), sizeof first);
  std::memcpy(&last, text.data() + text.size() - sizeof last, sizeof last);
  return uint64_t{first} << (8 * (8 - text.size())) | uint64_t{last} << 32;
}

// Zeros in front change no CRC that starts with 0: so what is left beyond whole steps goes first,
// filled up to a step.
uint16_t Crc16(std::string_view text) {
  const size_t head = text.size() % 8;
  const char* at = text.data() + head;
  unsigned crc = 0;
  if (text.size() > 8 && head > 0) {
    crc = Step(0, Load(text.data()) << (8 * (8 - head)));
  } else if (head >= 4) {
    crc = Step(0, LoadShort(text));
  } else {
    for (const char c : text.substr(0, head))
      crc = ((crc << 8) & 0xffff) ^ kTables[0][(crc >> 8) ^ static_cast<unsigned char>(c)];
  }
  for (const char* const end = text.data() + text.size(); at != end; at += 8)
    crc = Step(crc, Load(at));
  return static_cast<uint16_t>(crc);
}

// What counts of a key: its first {tag} if that is closed and not empty.
std::string_view HashedPart(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace

Slot SlotOf(std::string_view key) { return Crc16(HashedPart(key)) % kSlots; }

}  // namespace holdfast
