// Numbers in strings: counted up and down, kept as text.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "storage/base/long_double.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

// The deadline stays.
void SetNumber(CommandContext& ctx, const Entry* entry, std::string_view text) {
  ctx.shard.Commit(
      ctx, StringSet{.value = text, .deadline = entry == nullptr ? kNever : entry->deadline()});
}

void AddTo(CommandContext& ctx, int64_t delta) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const auto value = entry == nullptr ? 0 : ParseInt64(entry->string());
  if (!value) return ctx.reply.Error(kNotIntegerError);
  int64_t sum = 0;
  if (__builtin_add_overflow(*value, delta, &sum)) {
    return ctx.reply.Error("ERR increment or decrement would overflow");
  }
  char digits[std::numeric_limits<int64_t>::digits10 + 2];  // and a sign
  const char* const end = std::to_chars(digits, digits + sizeof digits, sum).ptr;
  SetNumber(ctx, entry, {digits, static_cast<size_t>(end - digits)});
  ctx.shard.Notify(kStringEvents, ctx.place, "incrby");
  ctx.reply.Integer(sum);
}

void CmdIncr(CommandContext& ctx, Args) { AddTo(ctx, 1); }

void CmdDecr(CommandContext& ctx, Args) { AddTo(ctx, -1); }

void CmdIncrBy(CommandContext& ctx, Args args) {
  const auto delta = ParseInt64(args[2]);
  if (!delta) return ctx.reply.Error(kNotIntegerError);
  AddTo(ctx, *delta);
}

void CmdDecrBy(CommandContext& ctx, Args args) {
  const auto delta = ParseInt64(args[2]);
  if (!delta) return ctx.reply.Error(kNotIntegerError);
  // It has no opposite within int64.
  if (*delta == std::numeric_limits<int64_t>::min()) {
    return ctx.reply.Error("ERR decrement would overflow");
  }
  AddTo(ctx, -*delta);
}

void CmdIncrByFloat(CommandContext& ctx, Args args) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const auto value = entry == nullptr ? 0.0L : ParseLongDouble(entry->string());
  const auto delta = ParseLongDouble(args[2]);
  if (!value || !delta) return ctx.reply.Error(kNotFloatError);
  const long double sum = *value + *delta;
  if (!std::isfinite(sum)) {
    return ctx.reply.Error("ERR increment would produce NaN or Infinity");
  }
  const std::string text = LongDoubleText(sum);
  SetNumber(ctx, entry, text);
  ctx.shard.Notify(kStringEvents, ctx.place, "incrbyfloat");
  ctx.reply.Bulk(text);
}

constexpr CommandSpec kStringCounterCommands[] = {
    {.name = "INCR",
     .run = CmdIncr,
     .arity = 2,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key",
     .summary = "Add one to the integer in the key; an absent key counts as 0."},
    {.name = "DECR",
     .run = CmdDecr,
     .arity = 2,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key",
     .summary = "Take one from the integer in the key; an absent key counts as 0."},
    {.name = "INCRBY",
     .run = CmdIncrBy,
     .arity = 3,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key increment",
     .summary = "Add to the integer in the key; an absent key counts as 0."},
    {.name = "DECRBY",
     .run = CmdDecrBy,
     .arity = 3,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key decrement",
     .summary = "Take from the integer in the key; an absent key counts as 0."},
    {.name = "INCRBYFLOAT",
     .run = CmdIncrByFloat,
     .arity = 3,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key increment",
     .summary = "Add to the number in the key, fractions too; an absent key counts as 0."},
};

}  // namespace

std::span<const CommandSpec> StringCounterCommands() { return kStringCounterCommands; }

}  // namespace holdfast
