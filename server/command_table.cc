#include "server/command_table.h"

#include <array>
#include <bit>
#include <cstring>

#include "protocol/words.h"
#include "server/commands/tables.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Longer than any name: an attacker's megabyte of a name is not hashed.
constexpr size_t kNameBytesMax = 32;

// Up to eight bytes as a number, letters in either case alike. Bytes that are no letters may come
// together, too: a hash may do that.
uint64_t Fold(const char* bytes, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word | 0x2020202020202020;
}

// Of a name's length, first and last eight bytes; names that share all of these share a place.
size_t HashName(std::string_view name) {
  const size_t size = name.size();
  uint64_t first = 0;
  uint64_t last = 0;
  if (size >= 8) {
    first = Fold(name.data(), 8);
    last = Fold(name.data() + size - 8, 8);
  } else if (size >= 4) {
    first = Fold(name.data(), 4);
    last = Fold(name.data() + size - 4, 4);
  } else if (size > 0) {
    first = Fold(name.data(), 1);
    last = Fold(name.data() + size / 2, 1) << 8 | Fold(name.data() + size - 1, 1);
  }
  uint64_t hash = (first + size) * 0x9E3779B97F4A7C15;  // Knuth's multiplicative hash, twice
  hash = (hash ^ (hash >> 32) ^ last) * 0xD6E8FEB86659FD93;
  return static_cast<size_t>(hash >> 32);
}

}  // namespace

CommandTable::CommandTable(std::span<const std::span<const CommandSpec>> tables) {
  for (const auto table : tables) {
    for (const CommandSpec& row : table) rows_.push_back(&row);
  }
  buckets_.resize(std::bit_ceil(rows_.size() * 4));
  for (const CommandSpec* row : rows_) {
    Invariant(row->name.size() <= kNameBytesMax);
    Bucket& bucket = buckets_[Place(row->name)];
    Invariant(bucket.row == nullptr);  // no name twice
    bucket = {.row = row, .is_subcommand = row->name.find('|') != std::string_view::npos};
  }
}

size_t CommandTable::Place(std::string_view name) const {
  const size_t mask = buckets_.size() - 1;
  size_t at = HashName(name) & mask;
  while (buckets_[at].row != nullptr && !EqualsIgnoreCase(buckets_[at].row->name, name))
    at = (at + 1) & mask;
  return at;
}

const CommandSpec* CommandTable::FindName(std::string_view name) const {
  return name.size() > kNameBytesMax ? nullptr : buckets_[Place(name)].row;
}

namespace {

// Of a container: a subcommand of it, or itself. Seldom asked, so not within Find.
[[gnu::noinline]] const CommandSpec* SubcommandOf(const CommandTable& table,
                                                  const CommandSpec& container, Args words) {
  if (words[0].size() + 1 + words[1].size() > kNameBytesMax) return &container;
  std::array<char, kNameBytesMax> name{};
  char* end = std::copy(words[0].begin(), words[0].end(), name.begin());
  *end++ = '|';
  end = std::copy(words[1].begin(), words[1].end(), end);
  const CommandSpec* sub = table.FindName({name.data(), static_cast<size_t>(end - name.data())});
  return sub != nullptr ? sub : &container;
}

}  // namespace

const CommandSpec* CommandTable::Find(Args words) const {
  if (words[0].size() > kNameBytesMax) return nullptr;
  const Bucket& bucket = buckets_[Place(words[0])];
  const CommandSpec* const row = bucket.row;
  // "CONFIG|GET" is how a row is called, not what a client sends.
  if (row == nullptr || bucket.is_subcommand) return nullptr;
  if ((row->flags & kContainer) == 0 || words.size() < 2) return row;
  return SubcommandOf(*this, *row, words);
}

const CommandTable& Commands() {
  static const CommandTable kTable(CommandTables());
  return kTable;
}

}  // namespace holdfast
