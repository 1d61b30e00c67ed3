// WalFile: RocksDB's write-ahead files, read without RocksDB, which gives a whole file up for one
// damaged record (its mode that skips records stops at the next one that is larger than a block).
//
//   file      blocks of 32 KB, the last one shorter
//   block     fragments one behind the other; fewer than 7 bytes at its end are padding
//   fragment  crc:u32  length:u16  type:u8 | length bytes
//             '- CRC-32C of type and bytes, masked    '- 1 a whole record, else 2 first, 3 middle,
//                                                        4 last of one
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// What of a file cannot be read.
struct WalDamage {
  size_t at;  // the first byte
  std::string what;
};

struct WalContents {
  // Every record that is whole, in order; they point into the bytes that were read.
  std::vector<std::vector<std::string_view>> records;  // each in its fragments
  std::vector<WalDamage> damages;
  // The file ends in the middle of a record that began here, as a crash leaves it, or in zeros from
  // here on.
  std::optional<size_t> torn_at;
};

WalContents ReadWal(std::string_view file);

// RocksDB's manifest, which has the same format. Its records are synced one by one, so a crash
// tears none but the last; a damaged length looks the same, and RocksDB drops that record and all
// behind it without a word. Here an end is torn only if no record in it would be whole with another
// length, and nothing whole lies behind; else it is damage.
WalContents ReadManifest(std::string_view file);

// A file that holds just these records.
std::string WriteWal(const WalContents& contents);

// As a power loss leaves a file whose new length reached the disk and whose new bytes did not: a
// sector of zeros at least.
inline constexpr size_t kZeroEndBytes = 512;
bool EndsInZeros(std::string_view file);

uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace holdfast
