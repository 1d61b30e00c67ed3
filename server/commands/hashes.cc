// Hashes: changes.
#include "storage/core/hashes.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "storage/base/long_double.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

size_t FieldCount(const Entry* entry) { return entry == nullptr ? 0 : entry->fields().size(); }

std::optional<std::string_view> ValueOf(const Entry* entry, std::string_view field) {
  return entry == nullptr ? std::nullopt : entry->fields().Get(field);
}

// How many fields are new; nothing: an error is replied, and nothing changed.
std::optional<size_t> SetFields(CommandContext& ctx, Args pairs, std::string_view arity_error) {
  if (pairs.size() % 2 != 0) {
    ctx.reply.Error(arity_error);
    return std::nullopt;
  }
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) {
    ctx.reply.Error(kWrongTypeError);
    return std::nullopt;
  }
  const size_t fields_before = FieldCount(entry);
  HashFieldsSet set;
  set.pairs.reserve(pairs.size() / 2);
  for (size_t at = 0; at < pairs.size(); at += 2) set.pairs.push_back({pairs[at], pairs[at + 1]});
  ctx.shard.Commit(ctx, set);
  ctx.shard.Notify(kHashEvents, ctx.place, "hset");
  return FieldCount(ctx.shard.keyspace().Find(ctx.place)) - fields_before;
}

void CmdHSet(CommandContext& ctx, Args args) {
  const auto fresh =
      SetFields(ctx, args.subspan(2), "ERR wrong number of arguments for 'hset' command");
  if (fresh) ctx.reply.Integer(static_cast<int64_t>(*fresh));
}

void CmdHMSet(CommandContext& ctx, Args args) {
  if (SetFields(ctx, args.subspan(2), "ERR wrong number of arguments for 'hmset' command")) {
    ctx.reply.Ok();
  }
}

void CmdHSetNx(CommandContext& ctx, Args args) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  if (ValueOf(entry, args[2])) return ctx.reply.Integer(0);
  ctx.shard.Commit(ctx, HashFieldsSet{.pairs = {{args[2], args[3]}}});
  ctx.shard.Notify(kHashEvents, ctx.place, "hset");
  ctx.reply.Integer(1);
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
  ctx.shard.Notify(kHashEvents, ctx.place, "hdel");
  // The key is gone with its last field.
  const size_t fields = FieldCount(ctx.shard.keyspace().Find(ctx.place));
  if (fields == 0) ctx.shard.Notify(kGenericEvents, ctx.place, "del");
  ctx.reply.Integer(static_cast<int64_t>(fields_before - fields));
}

// ---- counters

void CmdHIncrBy(CommandContext& ctx, Args args) {
  const auto delta = ParseInt64(args[3]);
  if (!delta) return ctx.reply.Error(kNotIntegerError);
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  const auto present = ValueOf(entry, args[2]);
  const auto value = present ? ParseInt64(*present) : 0;
  if (!value) return ctx.reply.Error("ERR hash value is not an integer");
  int64_t sum = 0;
  if (__builtin_add_overflow(*value, *delta, &sum)) {
    return ctx.reply.Error("ERR increment or decrement would overflow");
  }
  char digits[std::numeric_limits<int64_t>::digits10 + 2];  // and a sign
  const char* const end = std::to_chars(digits, digits + sizeof digits, sum).ptr;
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  ctx.shard.Commit(ctx, HashFieldsSet{.pairs = {{args[2], text}}});
  ctx.shard.Notify(kHashEvents, ctx.place, "hincrby");
  ctx.reply.Integer(sum);
}

void CmdHIncrByFloat(CommandContext& ctx, Args args) {
  const auto delta = ParseLongDouble(args[3]);
  if (!delta) return ctx.reply.Error(kNotFloatError);
  if (!std::isfinite(*delta)) return ctx.reply.Error("ERR value is NaN or Infinity");
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  const auto present = ValueOf(entry, args[2]);
  const auto value = present ? ParseLongDouble(*present) : 0.0L;
  if (!value) return ctx.reply.Error("ERR hash value is not a float");
  const long double sum = *value + *delta;
  if (!std::isfinite(sum)) return ctx.reply.Error("ERR increment would produce NaN or Infinity");
  const std::string text = LongDoubleText(sum);
  ctx.shard.Commit(ctx, HashFieldsSet{.pairs = {{args[2], text}}});
  ctx.shard.Notify(kHashEvents, ctx.place, "hincrbyfloat");
  ctx.reply.Bulk(text);
}

constexpr CommandSpec Row(std::string_view name, CommandFunction run, int arity, uint32_t grows,
                          std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kWrite | kFast | grows,
          .keys = kFirstKey,
          .group = "hash",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}
constexpr uint32_t kGivesBack = 0;

constexpr CommandSpec kHashCommands[] = {
    Row("HSET", CmdHSet, -4, kGrows, "key field value [field value ...]",
        "Set fields of the hash; answers how many are new."),
    Row("HMSET", CmdHMSet, -4, kGrows, "key field value [field value ...]",
        "Set fields of the hash; answers OK."),
    Row("HSETNX", CmdHSetNx, 4, kGrows, "key field value",
        "Set a field of the hash if it is not there; answers 1 if it was set."),
    Row("HINCRBY", CmdHIncrBy, 4, kGrows, "key field increment",
        "Add to the integer in a field of the hash; an absent field counts as 0."),
    Row("HINCRBYFLOAT", CmdHIncrByFloat, 4, kGrows, "key field increment",
        "Add to the number in a field of the hash; an absent field counts as 0."),
    Row("HDEL", CmdHDel, -3, kGivesBack, "key field [field ...]",
        "Delete fields of the hash; answers how many there were."),
};

}  // namespace

std::span<const CommandSpec> HashCommands() { return kHashCommands; }

}  // namespace holdfast
