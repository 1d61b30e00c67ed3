#include "server/commands/key_flags.h"

#include <algorithm>

#include "protocol/words.h"

namespace holdfast {
namespace {

constexpr std::string_view kReads = "RO access";
constexpr std::string_view kLooks = "RO";  // that there is one, of which type and size
constexpr std::string_view kChanges = "RW update";
constexpr std::string_view kReadsAndChanges = "RW access update";
constexpr std::string_view kAdds = "RW insert";
constexpr std::string_view kReplaces = "OW update";
constexpr std::string_view kMakes = "OW insert";
constexpr std::string_view kRemoves = "RM delete";
constexpr std::string_view kTakes = "RW access delete";

bool HasWord(Args words, std::string_view wanted) {
  return std::ranges::any_of(
      words, [wanted](std::string_view word) { return EqualsIgnoreCase(word, wanted); });
}

std::string_view OfSet(Args line) {
  return HasWord(line.subspan(3), "GET") ? kReadsAndChanges : kReplaces;
}

// Only GETs and OVERFLOWs change nothing; what is no operation may be meant to.
std::string_view OfBitField(Args line) {
  for (size_t at = 2; at < line.size();) {
    const size_t left = line.size() - at - 1;
    if (EqualsIgnoreCase(line[at], "GET") && left >= 2) {
      at += 3;
    } else if (EqualsIgnoreCase(line[at], "OVERFLOW") && left >= 1) {
      at += 2;
    } else {
      return kReadsAndChanges;
    }
  }
  return kReads;
}

struct Exception {
  std::string_view name;
  std::string_view first;
  std::string_view others{};                    // empty: as the first
  std::string_view (*of_line)(Args) = nullptr;  // the words decide
};

// Other writes change, other reads read.
constexpr Exception kExceptions[] = {
    {"APPEND", kAdds},
    {"BITFIELD", kReadsAndChanges, {}, OfBitField},
    {"BITOP", kReplaces, kReads},
    {"COPY", kReads, kReplaces},
    {"DECR", kReadsAndChanges},
    {"DECRBY", kReadsAndChanges},
    {"DEL", kRemoves},
    {"EXISTS", kLooks},
    {"GETDEL", kTakes},
    {"GETEX", kReadsAndChanges},
    {"GETSET", kReadsAndChanges},
    {"HDEL", "RW delete"},
    {"HEXISTS", kLooks},
    {"HINCRBY", kReadsAndChanges},
    {"HINCRBYFLOAT", kReadsAndChanges},
    {"HLEN", kLooks},
    {"HSETNX", kAdds},
    {"HSTRLEN", kLooks},
    {"INCR", kReadsAndChanges},
    {"INCRBY", kReadsAndChanges},
    {"INCRBYFLOAT", kReadsAndChanges},
    {"MEMORY|USAGE", kLooks},
    {"MOVE", kReadsAndChanges},
    {"MSET", kReplaces},
    {"MSETNX", kMakes},
    {"OBJECT|ENCODING", kLooks},
    {"OBJECT|FREQ", kLooks},
    {"OBJECT|IDLETIME", kLooks},
    {"OBJECT|REFCOUNT", kLooks},
    {"PSETEX", kReplaces},
    {"RENAME", kTakes, kReplaces},
    {"RENAMENX", kTakes, kMakes},
    {"SET", kReadsAndChanges, {}, OfSet},
    {"SETBIT", kReadsAndChanges},
    {"SETEX", kReplaces},
    {"SETNX", kMakes},
    {"STRLEN", kLooks},
    {"TOUCH", kLooks},
    {"TYPE", kLooks},
    {"UNLINK", kRemoves},
    {"WATCH", kLooks},
};

const Exception* Find(const CommandSpec& row) {
  const auto* const found = std::ranges::find(kExceptions, row.name, &Exception::name);
  return found == std::ranges::end(kExceptions) ? nullptr : found;
}

}  // namespace

KeyFlags KeyFlagsOf(const CommandSpec& row) {
  if (const Exception* found = Find(row)) {
    return {.first = found->first,
            .others = found->others.empty() ? found->first : found->others,
            .variable = found->of_line != nullptr};
  }
  const std::string_view flags = (row.flags & kWrite) != 0 ? kChanges : kReads;
  return {.first = flags, .others = flags};
}

std::string_view FlagsOfKey(const CommandSpec& row, Args line, size_t position) {
  const Exception* const found = Find(row);
  if (found != nullptr && found->of_line != nullptr) return found->of_line(line);
  const KeyFlags flags = KeyFlagsOf(row);
  return position == static_cast<size_t>(row.keys.first) ? flags.first : flags.others;
}

}  // namespace holdfast
