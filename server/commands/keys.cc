// Keys of any type, and the walk over all of them.
//
// SCAN's cursor is a place in the hash order of the slots, so it outlives restarts and rehashes,
// and any shard can tell whose it is:
//
//   slot:14 | hash prefix:39        0 begins, and is answered at the end
//
// 53 bits: what a client that keeps numbers as doubles can still tell apart.
#include "server/commands/keys.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/words.h"
#include "server/commands/scan.h"
#include "server/commands/tables.h"
#include "server/group.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

// Requires: an integer reply.
int64_t IntegerOf(std::string_view reply) {
  int64_t value = 0;
  std::from_chars(reply.data() + 1, reply.data() + reply.size(), value);
  return value;
}

}  // namespace

void CombineSum(RespWriter& reply, std::span<const std::string> parts) {
  int64_t sum = 0;
  for (const std::string& part : parts) {
    if (part.starts_with('-')) return reply.Raw(part);
    sum += IntegerOf(part);
  }
  reply.Integer(sum);
}

namespace {

// ---- several keys at one instant

// All or nothing: one stock key among them, and every key stays.
void DecideDel(GroupContext& ctx, Args) {
  for (size_t i = 0; i < ctx.keys(); ++i) {
    const KeyView key = ctx.Look(i);
    if (key.exists && key.type == KeyType::kStock) return ctx.reply().Error(kProtectedError);
  }
  int64_t deleted = 0;
  for (size_t i = 0; i < ctx.keys(); ++i) {
    if (!ctx.Look(i).exists) continue;  // also one that is named twice
    ctx.Commit(i, KeyDeleted{});
    ctx.Notify(i, kGenericEvents, "del");
    ++deleted;
  }
  ctx.reply().Integer(deleted);
}

void DecideExists(GroupContext& ctx, Args) {
  int64_t there = 0;
  for (size_t i = 0; i < ctx.keys(); ++i) there += ctx.PeekForRead(i).exists ? 1 : 0;
  ctx.reply().Integer(there);
}

// ---- one key

// Each by itself: a count of uses is no statement about one instant. Unlike EXISTS it is a use.
void CmdTouch(CommandContext& ctx, Args) { ctx.reply.Integer(FindForRead(ctx) != nullptr); }

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
  const Entry* const entry = PeekForRead(ctx);
  ctx.reply.SimpleString(entry == nullptr ? "none" : TypeWord(entry->type()));
}

// ---- SCAN

constexpr int kCursorHashShift = 64 - kScanPrefixBits;
static_assert(kScanPrefixBits == kCursorSlotShift);

constexpr int kScanSlotsMax = 4096;  // empty ones cost little, but not nothing

bool Selects(ScanStep& step, const Entry& entry) {
  const bool of_type = step.type().empty() || EqualsIgnoreCase(step.type(), TypeWord(entry.type()));
  return of_type && step.Selects(entry.key());
}

// From the cursor's slot to the end of this shard's, no further than the options and the limits
// allow. Returns the next cursor.
uint64_t ScanShard(CommandContext& ctx, uint64_t cursor, ScanStep& step,
                   std::vector<std::string_view>& keys) {
  Keyspace& keyspace = ctx.shard.keyspace();
  const int end = ctx.shard.server().map.FirstSlot(ctx.shard.id() + 1);
  int slot = SlotOfCursor(cursor);
  uint64_t from = cursor << kCursorHashShift;
  const int last = std::min(end, slot + kScanSlotsMax);
  size_t left = step.count();
  while (slot < last && left > 0) {
    const auto here = static_cast<Slot>(slot);
    // A group is at work there, and what it has done may not be told yet: the next step waits.
    if (slot > SlotOfCursor(cursor) && ctx.shard.locks().Held(here)) break;
    // A key that is missing here may be one whose deletion is not acked yet.
    ctx.WaitForRead(keyspace.gated_stamp(here));
    from = keyspace.Scan(ctx.db, here, from, left, [&](const Entry& entry) {
      if (left > 0) --left;
      if (!entry.IsPast(ctx.now.now) && Selects(step, entry)) {
        if (IsStock(&entry)) ctx.WaitForRead(entry.item().any_stamp);
        keys.push_back(entry.key());
      }
      if (step.IsSpent()) left = 0;
      return left > 0;
    });
    if (from == 0) ++slot;
  }
  if (slot == kSlots) return 0;
  return (static_cast<uint64_t>(slot) << kCursorSlotShift) | (from >> kCursorHashShift);
}

void CmdScan(CommandContext& ctx, Args args) {
  const auto cursor = ParseUint64(args[1]);
  if (!cursor) return ctx.reply.Error("ERR invalid cursor");
  auto step = ScanStep::Read(ctx, args.subspan(2), ScanOf::kKeys);
  if (!step) return;
  std::vector<std::string_view> keys;
  const uint64_t next = ScanShard(ctx, *cursor, *step, keys);
  ctx.reply.Array(2);
  ctx.reply.Bulk(std::to_string(next));
  ctx.reply.Array(keys.size());
  for (const std::string_view key : keys) ctx.reply.Bulk(key);
}

constexpr KeyPositions kAllKeys{.first = 1, .last = -1, .step = 1};

constexpr CommandSpec kKeyCommands[] = {
    {.name = "DEL",
     .decide = DecideDel,
     .arity = -2,
     .flags = kWrite,
     .home = Home::kGroup,
     .keys = kAllKeys,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "Delete keys, all or (if one holds stock) none; answers how many there were."},
    {.name = "UNLINK",
     .decide = DecideDel,
     .arity = -2,
     .flags = kWrite | kFast,
     .home = Home::kGroup,
     .keys = kAllKeys,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "As DEL."},
    {.name = "EXISTS",
     .decide = DecideExists,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .home = Home::kGroup,
     .keys = kAllKeys,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "Answer how many of the keys there are; one named twice counts twice."},
    {.name = "TOUCH",
     .run = CmdTouch,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .home = Home::kEachKey,
     .keys = kAllKeys,
     .combine = CombineSum,
     .group = "generic",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "As EXISTS, and each key counts as used just now."},
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
};

}  // namespace

std::span<const CommandSpec> KeyCommands() { return kKeyCommands; }

}  // namespace holdfast
