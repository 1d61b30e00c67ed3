#include "server/command_table.h"

#include <array>
#include <bit>

#include "protocol/words.h"
#include "server/commands/tables.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Longer than any name: an attacker's megabyte of a name is not hashed.
constexpr size_t kNameBytesMax = 32;

// FNV-1a over the lower-cased name.
size_t HashName(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(LowerCase(c))) * 0x100000001b3;
  }
  return static_cast<size_t>(hash ^ (hash >> 32));
}

}  // namespace

CommandTable::CommandTable(std::span<const std::span<const CommandSpec>> tables) {
  for (const auto table : tables) {
    for (const CommandSpec& row : table) rows_.push_back(&row);
  }
  buckets_.resize(std::bit_ceil(rows_.size() * 4));
  for (const CommandSpec* row : rows_) {
    Invariant(row->name.size() <= kNameBytesMax);
    const size_t place = Place(row->name);
    Invariant(buckets_[place] == nullptr);  // no name twice
    buckets_[place] = row;
  }
}

size_t CommandTable::Place(std::string_view name) const {
  const size_t mask = buckets_.size() - 1;
  size_t at = HashName(name) & mask;
  while (buckets_[at] != nullptr && !EqualsIgnoreCase(buckets_[at]->name, name))
    at = (at + 1) & mask;
  return at;
}

const CommandSpec* CommandTable::FindName(std::string_view name) const {
  return name.size() > kNameBytesMax ? nullptr : buckets_[Place(name)];
}

const CommandSpec* CommandTable::Find(Args words) const {
  const CommandSpec* row = FindName(words[0]);
  // "CONFIG|GET" is how a row is called, not what a client sends.
  if (row != nullptr && row->name.find('|') != std::string_view::npos) return nullptr;
  if (row == nullptr || (row->flags & kContainer) == 0 || words.size() < 2) return row;
  if (words[0].size() + 1 + words[1].size() > kNameBytesMax) return row;
  std::array<char, kNameBytesMax> name{};
  char* end = std::copy(words[0].begin(), words[0].end(), name.begin());
  *end++ = '|';
  end = std::copy(words[1].begin(), words[1].end(), end);
  const CommandSpec* sub = FindName({name.data(), static_cast<size_t>(end - name.data())});
  return sub != nullptr ? sub : row;
}

const CommandTable& Commands() {
  static const CommandTable kTable(CommandTables());
  return kTable;
}

}  // namespace holdfast
