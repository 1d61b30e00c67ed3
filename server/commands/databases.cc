// Whole databases: FLUSHALL, FLUSHDB, SWAPDB, and what looks at all keys: KEYS, RANDOMKEY, DBSIZE.
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/glob.h"
#include "protocol/resp_value.h"
#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "server/group.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

// ---- FLUSHALL, FLUSHDB, SWAPDB

// Stock lives in database 0, and goes only where the server is one for tests.
bool MayTake(GroupContext& ctx, bool takes_stock) {
  if (!takes_stock || ctx.skus() == 0 || ctx.config().enable_flush_stock) return true;
  ctx.reply().Error(
      "PROTECTED there is stock: sold records are records, too. STOCK.DROP removes a SKU; "
      "enable-flush-stock is for test servers");
  return false;
}

// ASYNC and SYNC are one: the keys are gone at once, their memory comes back in slices.
bool ReadFlushMode(GroupContext& ctx, Args args) {
  const bool fits = args.size() == 1 || (args.size() == 2 && (EqualsIgnoreCase(args[1], "ASYNC") ||
                                                              EqualsIgnoreCase(args[1], "SYNC")));
  if (!fits) ctx.reply().Error(kSyntaxError);
  return fits;
}

void CmdFlushAll(GroupContext& ctx, Args args) {
  if (!ReadFlushMode(ctx, args) || !MayTake(ctx, true)) return;
  ctx.CommitEverywhere(0, DatabaseFlushed{.all = true});
  ctx.reply().Ok();
}

void CmdFlushDb(GroupContext& ctx, Args args) {
  if (!ReadFlushMode(ctx, args) || !MayTake(ctx, ctx.db() == kStockDb)) return;
  ctx.CommitEverywhere(ctx.db(), DatabaseFlushed{});
  ctx.reply().Ok();
}

// Redis reads 32 bits here.
std::optional<int64_t> ParseDatabase(std::string_view word) {
  const auto number = ParseInt64(word);
  if (!number || *number < INT32_MIN || *number > INT32_MAX) return std::nullopt;
  return number;
}

void CmdSwapDb(GroupContext& ctx, Args args) {
  const auto first = ParseDatabase(args[1]);
  if (!first) return ctx.reply().Error("ERR invalid first DB index");
  const auto second = ParseDatabase(args[2]);
  if (!second) return ctx.reply().Error("ERR invalid second DB index");
  const auto is_database = [](int64_t db) { return db >= 0 && db < kDatabases; };
  if (!is_database(*first) || !is_database(*second))
    return ctx.reply().Error("ERR DB index is out of range");
  const bool moves_stock = *first != *second && (*first == kStockDb || *second == kStockDb);
  if (moves_stock && ctx.skus() > 0)
    return ctx.reply().Error("PROTECTED stock lives in database 0, which holds some");
  if (*first != *second) {
    ctx.CommitEverywhere(static_cast<DbIndex>(*first),
                         DatabasesSwapped{.other = static_cast<DbIndex>(*second)});
  }
  ctx.reply().Ok();
}

// ---- KEYS

void CmdKeys(CommandContext& ctx, Args args) {
  if (args[1].size() > kGlobBytesMax)
    return ctx.reply.Error("ERR the pattern is longer than 65536 bytes");
  GlobPattern pattern(args[1]);
  std::vector<std::string_view> names;
  Keyspace& keyspace = ctx.shard.keyspace();
  const int end = ctx.shard.server().map.FirstSlot(ctx.shard.id() + 1);
  for (int number = ctx.shard.server().map.FirstSlot(ctx.shard.id()); number < end; ++number) {
    const auto slot = static_cast<Slot>(number);
    // A key that is missing here may be one whose deletion is not acked yet.
    ctx.WaitForRead(keyspace.gated_stamp(slot));
    keyspace.ForEach(ctx.db, slot, [&](const Entry& entry) {
      if (entry.IsPast(ctx.now.now) || pattern.CostOn(entry.key().size()) > kGlobWorkMax) return;
      if (!pattern.Matches(entry.key())) return;
      if (IsStock(&entry)) ctx.WaitForRead(entry.item().any_stamp);
      names.push_back(entry.key());
    });
  }
  ctx.reply.Array(names.size());
  for (const std::string_view name : names) ctx.reply.Bulk(name);
}

// Requires: an array. Its count, and what follows it.
size_t TakeArray(std::string_view& reply) {
  size_t count = 0;
  const size_t line = reply.find("\r\n");
  std::from_chars(reply.data() + 1, reply.data() + line, count);
  reply.remove_prefix(line + 2);
  return count;
}

void CombineArrays(RespWriter& reply, std::span<const std::string> parts) {
  size_t count = 0;
  std::vector<std::string_view> rests;
  for (const std::string_view part : parts) {
    if (part.starts_with('-')) return reply.Raw(part);
    std::string_view& rest = rests.emplace_back(part);
    count += TakeArray(rest);
  }
  reply.Array(count);
  for (const std::string_view rest : rests) reply.Raw(rest);
}

// ---- RANDOMKEY

constexpr int kTriesForALiveKey = 100;

// How many keys this shard has, a number by chance, and one of the keys.
void CmdRandomKey(CommandContext& ctx, Args) {
  const Keyspace& keyspace = ctx.shard.keyspace();
  const Entry* found = nullptr;
  for (int tries = 0; found == nullptr && tries < kTriesForALiveKey; ++tries) {
    const Entry* const entry = keyspace.Sample(ctx.db, ctx.shard.chance());
    if (entry == nullptr) break;
    if (!entry->IsPast(ctx.now.now)) found = entry;
  }
  const size_t keys = found == nullptr ? 0 : keyspace.KeyCount(ctx.db);
  ctx.reply.Array(3);
  ctx.reply.Integer(static_cast<int64_t>(keys));
  ctx.reply.Integer(static_cast<int64_t>(ctx.shard.chance().Below(INT32_MAX)));
  if (found == nullptr) return ctx.reply.Null();
  ctx.WaitForRead(ctx.shard.ReadStamp(ctx.shard.At(ctx.db, found->key()), found));
  ctx.reply.Bulk(found->key());
}

// A shard's key is taken as often as the shard has keys.
void CombineRandomKey(RespWriter& reply, std::span<const std::string> parts) {
  std::vector<RespValue> shards(parts.size());
  int64_t keys = 0;
  int64_t chance = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    shards[i].Read(parts[i]);
    keys += shards[i].Child(shards[i].root(), 0)->integer;
    chance += shards[i].Child(shards[i].root(), 1)->integer;
  }
  if (keys == 0) return reply.Null();
  int64_t skip = chance % keys;
  for (const RespValue& shard : shards) {
    const int64_t here = shard.Child(shard.root(), 0)->integer;
    if (skip < here) return reply.Bulk(shard.Child(shard.root(), 2)->text);
    skip -= here;
  }
}

// A figure, as INFO's: it may count what is not yet acked.
void CmdDbSize(CommandContext& ctx, Args) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.shard.keyspace().KeyCount(ctx.db)));
}

constexpr CommandSpec kDatabaseCommands[] = {
    {.name = "KEYS",
     .run = CmdKeys,
     .arity = 2,
     .flags = kReadOnly | kEverywhere | kDangerous,
     .home = Home::kEveryShard,
     .combine = CombineArrays,
     .group = "generic",
     .since = "0.2.0",
     .args = "pattern",
     .summary = "All keys that match; SCAN does it in steps."},
    {.name = "RANDOMKEY",
     .run = CmdRandomKey,
     .arity = 1,
     .flags = kReadOnly | kEverywhere,
     .home = Home::kEveryShard,
     .combine = CombineRandomKey,
     .group = "generic",
     .since = "0.2.0",
     .args = "",
     .summary = "One of the keys, by chance."},
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
    {.name = "SWAPDB",
     .decide = CmdSwapDb,
     .arity = 3,
     .flags = kWrite | kFast | kEverywhere | kDangerous,
     .home = Home::kGroup,
     .group = "server",
     .category = "keyspace",
     .since = "0.2.0",
     .args = "db db",
     .summary = "Exchange two databases."},
    {.name = "FLUSHDB",
     .decide = CmdFlushDb,
     .arity = -1,
     .flags = kWrite | kEverywhere | kDangerous,
     .home = Home::kGroup,
     .group = "server",
     .category = "keyspace",
     .since = "0.2.0",
     .args = "[ASYNC|SYNC]",
     .summary = "Remove all keys of the database."},
    {.name = "FLUSHALL",
     .decide = CmdFlushAll,
     .arity = -1,
     .flags = kWrite | kEverywhere | kDangerous,
     .home = Home::kGroup,
     .group = "server",
     .category = "keyspace",
     .since = "0.2.0",
     .args = "[ASYNC|SYNC]",
     .summary = "Remove all keys of all databases."},
};

}  // namespace

std::span<const CommandSpec> DatabaseCommands() { return kDatabaseCommands; }

}  // namespace holdfast
