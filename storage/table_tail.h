// TableTail: the end of RocksDB's table files, verified before RocksDB reads it. RocksDB takes a
// table's properties apart before it looks at their checksum, and damaged ones trip its assertions
// (as Debian builds it): the process would end without a word of which file it was.
//
//   table       data blocks, index block | properties block | metaindex block | footer
//   block       bytes | type:u8 | checksum:u32
//                                 '- lower half of XXH3-64 of the bytes, with the type mixed in
//   metaindex   an entry for each block of its kind | places:u32 each | how many places:u32
//   entry       shared:v  own:v  length:v | own bytes of its key | value: a handle
//               '- the key begins with so many bytes of the one before it
//   handle      at:v  bytes:v    without type and checksum
//   footer      checksum:u8 | handle of the metaindex, of the index, zeros: 40 bytes |
//               '- 4: XXH3                                       version:u32 | magic:u64
//   v           a number, 7 bits a byte, the lowest first; the 8th: another one follows
//
// The other blocks are RocksDB's to verify: of those it knows the checksum before it looks in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace holdfast {

// Tables are written in no other way (storage/database.cc tells RocksDB so).
inline constexpr uint8_t kTableChecksumXxh3 = 4;
inline constexpr uint32_t kTableFormatVersion = 5;

// `size` bytes of the file at `at` to `out`. False: they cannot be read.
using ReadTableFn = std::function<bool(uint64_t at, size_t size, std::string& out)>;

// What is wrong with the end of a table of `table_bytes`. Empty: nothing, or nobody can read it,
// which whoever reads on will hear, too.
std::string FindTableTailDamage(uint64_t table_bytes, const ReadTableFn& read);

}  // namespace holdfast
