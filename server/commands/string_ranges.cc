// Parts of strings: what changes one costs memory and log only what changed.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "server/commands/keys.h"
#include "server/commands/ranges.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

constexpr std::string_view kTooLongError =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

size_t SizeOf(const Entry* entry) { return entry == nullptr ? 0 : entry->string().size(); }

// Writes `bytes` at `offset` and answers how long the string is now.
void WriteAt(CommandContext& ctx, const Entry* entry, size_t offset, std::string_view bytes,
             std::string_view event) {
  const auto size_max = static_cast<size_t>(ctx.shard.config().proto_max_bulk_len);
  if (offset > size_max || bytes.size() > size_max - offset) return ctx.reply.Error(kTooLongError);
  const StringRangeSet set{.offset = static_cast<uint32_t>(offset), .bytes = bytes};
  const size_t size = std::max(SizeOf(entry), set.end());
  ctx.shard.Commit(ctx, set);
  ctx.shard.Notify(kStringEvents, ctx.place, event);
  ctx.reply.Integer(static_cast<int64_t>(size));
}

void CmdAppend(CommandContext& ctx, Args args) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  WriteAt(ctx, entry, SizeOf(entry), args[2], "append");
}

void CmdSetRange(CommandContext& ctx, Args args) {
  const auto offset = ParseInt64(args[2]);
  if (!offset) return ctx.reply.Error(kNotIntegerError);
  if (*offset < 0) return ctx.reply.Error("ERR offset is out of range");
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  // Nothing to write makes no key and lengthens none.
  if (args[3].empty()) return ctx.reply.Integer(static_cast<int64_t>(SizeOf(entry)));
  WriteAt(ctx, entry, static_cast<size_t>(*offset), args[3], "setrange");
}

void CmdStrLen(CommandContext& ctx, Args) {
  const Entry* const entry = FindForRead(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  ctx.reply.Integer(static_cast<int64_t>(SizeOf(entry)));
}

void CmdGetRange(CommandContext& ctx, Args args) {
  const auto start = ParseInt64(args[2]);
  const auto end = ParseInt64(args[3]);
  if (!start || !end) return ctx.reply.Error(kNotIntegerError);
  const Entry* const entry = FindForRead(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const Range range = RangeOf(*start, *end, static_cast<int64_t>(SizeOf(entry)));
  if (range.empty() || IsBackwards(*start, *end)) return ctx.reply.Bulk("");
  ctx.reply.Bulk(
      entry->string().substr(static_cast<size_t>(range.first), static_cast<size_t>(range.size())));
}

constexpr CommandSpec kStringRangeCommands[] = {
    {.name = "APPEND",
     .run = CmdAppend,
     .arity = 3,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key value",
     .summary = "Put bytes behind those of the string; answers its new length."},
    {.name = "STRLEN",
     .run = CmdStrLen,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key",
     .summary = "Answer how many bytes the string has."},
    {.name = "GETRANGE",
     .run = CmdGetRange,
     .arity = 4,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key start end",
     .summary = "Answer a part of the string; negative ends count from its end."},
    {.name = "SUBSTR",
     .run = CmdGetRange,
     .arity = 4,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key start end",
     .summary = "As GETRANGE, by its first name."},
    {.name = "SETRANGE",
     .run = CmdSetRange,
     .arity = 4,
     .flags = kWrite | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key offset value",
     .summary = "Write bytes into the string from an offset on; answers its new length."},
};

}  // namespace

std::span<const CommandSpec> StringRangeCommands() { return kStringRangeCommands; }

}  // namespace holdfast
