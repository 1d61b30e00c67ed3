// Keys of any type, and the walk over all of them.
//
// SCAN's cursor is a place in the hash order of the slots, so it outlives restarts and rehashes,
// and any shard can tell whose it is:
//
//   slot:14 | hash prefix:48 | 00        0 begins, and is answered at the end
#include "server/commands/keys.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/glob.h"
#include "protocol/words.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

// ---- one key

void CmdDel(CommandContext& ctx, Args) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (IsStock(entry)) return ctx.reply.Error(kProtectedError);
  ctx.shard.Commit(ctx, KeyDeleted{});
  ctx.reply.Integer(1);
}

void CmdExists(CommandContext& ctx, Args) { ctx.reply.Integer(FindForRead(ctx) != nullptr); }

std::string_view TypeWord(KeyType type) {
  switch (type) {
    case KeyType::kString:
      return "string";
    case KeyType::kHash:
      return "hash";
    case KeyType::kStock:
      return "stock";
  }
  return {};
}

void CmdType(CommandContext& ctx, Args) {
  const Entry* const entry = FindForRead(ctx);
  ctx.reply.SimpleString(entry == nullptr ? "none" : TypeWord(entry->type()));
}

// ---- several shards

// Requires: an integer reply.
int64_t IntegerOf(std::string_view reply) {
  int64_t value = 0;
  std::from_chars(reply.data() + 1, reply.data() + reply.size(), value);
  return value;
}

// The first error wins: the rest was done all the same.
void CombineSum(RespWriter& reply, std::span<const std::string> parts) {
  int64_t sum = 0;
  for (const std::string& part : parts) {
    if (part.starts_with('-')) return reply.Raw(part);
    sum += IntegerOf(part);
  }
  reply.Integer(sum);
}

// A figure, as INFO's: it may count what is not yet acked.
void CmdDbSize(CommandContext& ctx, Args) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.shard.keyspace().KeyCount(ctx.db)));
}

// ---- SCAN

constexpr int kCursorHashShift = 14;  // the slot's bits take the place of the hash's lowest
static_assert(kScanPrefixBits <= kCursorSlotShift);

// A turn stays short whatever COUNT and MATCH ask for: a step may give less than COUNT at any time.
constexpr int64_t kScanKeysMax = 10'000;
constexpr int kScanSlotsMax = 4096;  // empty ones cost little, but not nothing
constexpr size_t kScanPatternBytesMax = 1024;

struct ScanOptions {
  int64_t count = 10;
  std::string_view pattern = "*";
  std::string_view type;  // empty: all
};

// Nothing after it has replied an error.
std::optional<ScanOptions> ReadScanOptions(CommandContext& ctx, Args words) {
  ScanOptions options;
  for (size_t at = 0; at < words.size(); at += 2) {
    if (at + 1 == words.size()) {
      ctx.reply.Error(kSyntaxError);
      return std::nullopt;
    }
    const std::string_view value = words[at + 1];
    std::string_view error;
    if (EqualsIgnoreCase(words[at], "COUNT")) {
      const auto count = ParseInt64(value);
      if (!count) error = kNotIntegerError;
      if (count && *count < 1) error = kSyntaxError;
      options.count = std::min(count.value_or(0), kScanKeysMax);
    } else if (EqualsIgnoreCase(words[at], "MATCH")) {
      if (value.size() > kScanPatternBytesMax) error = "ERR the pattern is longer than 1024 bytes";
      options.pattern = value;
    } else if (EqualsIgnoreCase(words[at], "TYPE")) {
      options.type = value;
    } else {
      error = kSyntaxError;
    }
    if (!error.empty()) {
      ctx.reply.Error(error);
      return std::nullopt;
    }
  }
  return options;
}

bool Selects(const ScanOptions& options, const Entry& entry) {
  return (options.type.empty() || EqualsIgnoreCase(options.type, TypeWord(entry.type()))) &&
         (options.pattern == "*" || GlobMatch(options.pattern, entry.key()));
}

// From the cursor's slot to the end of this shard's, no further than the options and the limits
// allow. Returns the next cursor.
uint64_t ScanShard(CommandContext& ctx, uint64_t cursor, const ScanOptions& options,
                   std::vector<std::string_view>& keys) {
  Keyspace& keyspace = ctx.shard.keyspace();
  const int end = ctx.shard.server().map.FirstSlot(ctx.shard.id() + 1);
  int slot = static_cast<int>(cursor >> kCursorSlotShift);
  uint64_t from = cursor << kCursorHashShift;
  const int last = std::min(end, slot + kScanSlotsMax);
  auto left = static_cast<size_t>(options.count);
  while (slot < last && left > 0) {
    const auto here = static_cast<Slot>(slot);
    // A key that is missing here may be one whose deletion is not acked yet.
    ctx.WaitForRead(keyspace.gated_stamp(here));
    from = keyspace.Scan(ctx.db, here, from, left, [&](const Entry& entry) {
      if (left > 0) --left;
      if (entry.IsPast(ctx.now.now) || !Selects(options, entry)) return;
      if (IsStock(&entry)) ctx.WaitForRead(entry.item().any_stamp);
      keys.push_back(entry.key());
    });
    if (from == 0) ++slot;
  }
  if (slot == kSlots) return 0;
  return (static_cast<uint64_t>(slot) << kCursorSlotShift) | (from >> kCursorHashShift);
}

void CmdScan(CommandContext& ctx, Args args) {
  const auto cursor = ParseUint64(args[1]);
  if (!cursor) return ctx.reply.Error("ERR invalid cursor");
  const auto options = ReadScanOptions(ctx, args.subspan(2));
  if (!options) return;
  std::vector<std::string_view> keys;
  const uint64_t next = ScanShard(ctx, *cursor, *options, keys);
  ctx.reply.Array(2);
  ctx.reply.Bulk(std::to_string(next));
  ctx.reply.Array(keys.size());
  for (const std::string_view key : keys) ctx.reply.Bulk(key);
}

constexpr KeyPositions kAllKeys{.first = 1, .last = -1, .step = 1};

constexpr CommandSpec kCommands[] = {
    {.name = "DEL",
     .run = CmdDel,
     .arity = -2,
     .flags = kWrite,
     .home = Home::kEachKey,
     .keys = kAllKeys,
     .combine = CombineSum,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "Delete keys, one by one; answers how many there were."},
    {.name = "UNLINK",
     .run = CmdDel,
     .arity = -2,
     .flags = kWrite | kFast,
     .home = Home::kEachKey,
     .keys = kAllKeys,
     .combine = CombineSum,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "As DEL."},
    {.name = "EXISTS",
     .run = CmdExists,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .home = Home::kEachKey,
     .keys = kAllKeys,
     .combine = CombineSum,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "Answer how many of the keys there are; one named twice counts twice."},
    {.name = "TYPE",
     .run = CmdType,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = kFirstKey,
     .group = "generic",
     .since = "0.1.0",
     .args = "key",
     .summary = "Answer the key's type: string, hash, stock or none."},
    {.name = "SCAN",
     .run = CmdScan,
     .arity = -2,
     .flags = kReadOnly,
     .home = Home::kCursor,
     .group = "generic",
     .since = "0.1.0",
     .args = "cursor [MATCH pattern] [COUNT n] [TYPE t]",
     .summary = "Walk over the keys in steps: answers the next cursor (0: the end) and keys."},
    {.name = "DBSIZE",
     .run = CmdDbSize,
     .arity = 1,
     .flags = kReadOnly | kFast,
     .home = Home::kEveryShard,
     .combine = CombineSum,
     .group = "server",
     .category = "keyspace",
     .since = "0.1.0",
     .args = "",
     .summary = "Answer how many keys the database has."},
};

}  // namespace

std::span<const CommandSpec> KeyCommands() { return kCommands; }

}  // namespace holdfast
