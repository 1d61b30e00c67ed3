// Hashes.
#include "storage/core/hashes.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

size_t FieldCount(const Entry* entry) { return entry == nullptr ? 0 : entry->fields().size(); }

void CmdHSet(CommandContext& ctx, Args args) {
  if (args.size() % 2 != 0) {
    return ctx.reply.Error("ERR wrong number of arguments for 'hset' command");
  }
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  const size_t fields_before = FieldCount(entry);
  HashFieldsSet set;
  set.pairs.reserve(args.size() / 2 - 1);
  for (size_t at = 2; at < args.size(); at += 2) set.pairs.push_back({args[at], args[at + 1]});
  ctx.shard.Commit(ctx, set);
  const size_t fields = FieldCount(ctx.shard.keyspace().Find(ctx.place));
  ctx.reply.Integer(static_cast<int64_t>(fields - fields_before));
}

void CmdHGet(CommandContext& ctx, Args args) {
  const Entry* const entry = FindForRead(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  const auto value = entry == nullptr ? std::nullopt : entry->fields().Get(args[2]);
  if (!value) return ctx.reply.Null();
  ctx.reply.Bulk(*value);
}

void CmdHGetAll(CommandContext& ctx, Args) {
  const Entry* const entry = FindForRead(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  ctx.reply.Map(FieldCount(entry));
  if (entry == nullptr) return;
  entry->fields().ForEach([&](std::string_view field, std::string_view value) {
    ctx.reply.Bulk(field);
    ctx.reply.Bulk(value);
  });
}

void CmdHDel(CommandContext& ctx, Args args) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  if (entry == nullptr) return ctx.reply.Integer(0);
  const size_t fields_before = FieldCount(entry);
  HashFieldsDeleted deleted;
  for (const std::string_view field : args.subspan(2)) {
    if (entry->fields().Get(field)) deleted.fields.push_back(field);
  }
  if (deleted.fields.empty()) return ctx.reply.Integer(0);
  ctx.shard.Commit(ctx, deleted);
  // The key is gone with its last field.
  const size_t fields = FieldCount(ctx.shard.keyspace().Find(ctx.place));
  ctx.reply.Integer(static_cast<int64_t>(fields_before - fields));
}

constexpr CommandSpec kCommands[] = {
    {.name = "HSET",
     .run = CmdHSet,
     .arity = -4,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "hash",
     .since = "0.1.0",
     .args = "key field value [field value ...]",
     .summary = "Set fields of the hash; answers how many are new."},
    {.name = "HGET",
     .run = CmdHGet,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = kFirstKey,
     .group = "hash",
     .since = "0.1.0",
     .args = "key field",
     .summary = "Answer the value of a field of the hash."},
    {.name = "HGETALL",
     .run = CmdHGetAll,
     .arity = 2,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "hash",
     .since = "0.1.0",
     .args = "key",
     .summary = "Answer all fields of the hash with their values."},
    {.name = "HDEL",
     .run = CmdHDel,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = kFirstKey,
     .group = "hash",
     .since = "0.1.0",
     .args = "key field [field ...]",
     .summary = "Delete fields of the hash; answers how many there were."},
};

}  // namespace

std::span<const CommandSpec> HashCommands() { return kCommands; }

}  // namespace holdfast
