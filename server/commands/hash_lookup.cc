// Hashes: look-ups.
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "storage/core/hashes.h"

namespace holdfast {
namespace {

// The hash to read, null if absent. False: it is of another type, and the error is replied.
[[nodiscard]] bool FindFields(CommandContext& ctx, const FieldMap*& fields) {
  const Entry* const entry = FindForRead(ctx);
  fields = nullptr;
  if (IsOtherThan(KeyType::kHash, entry)) {
    ctx.reply.Error(kWrongTypeError);
    return false;
  }
  if (entry != nullptr) fields = &entry->fields();
  return true;
}

std::optional<std::string_view> ValueOf(const FieldMap* fields, std::string_view field) {
  return fields == nullptr ? std::nullopt : fields->Get(field);
}

void ReplyValue(RespWriter& reply, std::optional<std::string_view> value) {
  value ? reply.Bulk(*value) : reply.Null();
}

void CmdHGet(CommandContext& ctx, Args args) {
  const FieldMap* fields = nullptr;
  if (FindFields(ctx, fields)) ReplyValue(ctx.reply, ValueOf(fields, args[2]));
}

void CmdHMGet(CommandContext& ctx, Args args) {
  const FieldMap* fields = nullptr;
  if (!FindFields(ctx, fields)) return;
  const Args names = args.subspan(2);
  ctx.reply.Array(names.size());
  for (const std::string_view name : names) ReplyValue(ctx.reply, ValueOf(fields, name));
}

void CmdHGetAll(CommandContext& ctx, Args) {
  const FieldMap* fields = nullptr;
  if (!FindFields(ctx, fields)) return;
  ctx.reply.Map(fields == nullptr ? 0 : fields->size());
  if (fields == nullptr) return;
  fields->ForEach([&](std::string_view field, std::string_view value) {
    ctx.reply.Bulk(field);
    ctx.reply.Bulk(value);
  });
}

void CmdHKeys(CommandContext& ctx, Args) {
  const FieldMap* fields = nullptr;
  if (!FindFields(ctx, fields)) return;
  ctx.reply.Array(fields == nullptr ? 0 : fields->size());
  if (fields == nullptr) return;
  fields->ForEach([&](std::string_view field, std::string_view) { ctx.reply.Bulk(field); });
}

void CmdHVals(CommandContext& ctx, Args) {
  const FieldMap* fields = nullptr;
  if (!FindFields(ctx, fields)) return;
  ctx.reply.Array(fields == nullptr ? 0 : fields->size());
  if (fields == nullptr) return;
  fields->ForEach([&](std::string_view, std::string_view value) { ctx.reply.Bulk(value); });
}

void CmdHLen(CommandContext& ctx, Args) {
  const FieldMap* fields = nullptr;
  if (!FindFields(ctx, fields)) return;
  ctx.reply.Integer(fields == nullptr ? 0 : static_cast<int64_t>(fields->size()));
}

void CmdHExists(CommandContext& ctx, Args args) {
  const FieldMap* fields = nullptr;
  if (FindFields(ctx, fields)) ctx.reply.Integer(ValueOf(fields, args[2]).has_value());
}

void CmdHStrLen(CommandContext& ctx, Args args) {
  const FieldMap* fields = nullptr;
  if (!FindFields(ctx, fields)) return;
  const auto value = ValueOf(fields, args[2]);
  ctx.reply.Integer(value ? static_cast<int64_t>(value->size()) : 0);
}

constexpr CommandSpec Row(std::string_view name, CommandFunction run, int arity, uint32_t speed,
                          std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kReadOnly | speed,
          .keys = kFirstKey,
          .group = "hash",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}
constexpr uint32_t kByLength = 0;  // not kFast: it takes as long as the hash is

constexpr CommandSpec kHashLookupCommands[] = {
    Row("HGET", CmdHGet, 3, kFast, "key field", "Answer the value of a field of the hash."),
    Row("HMGET", CmdHMGet, -3, kFast, "key field [field ...]",
        "Answer the values of fields of the hash, null for those that are not there."),
    Row("HGETALL", CmdHGetAll, 2, kByLength, "key",
        "Answer all fields of the hash with their values."),
    Row("HKEYS", CmdHKeys, 2, kByLength, "key", "Answer the names of all fields of the hash."),
    Row("HVALS", CmdHVals, 2, kByLength, "key", "Answer the values of all fields of the hash."),
    Row("HLEN", CmdHLen, 2, kFast, "key", "Answer how many fields the hash has."),
    Row("HEXISTS", CmdHExists, 3, kFast, "key field",
        "Answer 1 if the hash has the field, else 0."),
    Row("HSTRLEN", CmdHStrLen, 3, kFast, "key field",
        "Answer the length of a field's value, 0 if it is not there."),
};

}  // namespace

std::span<const CommandSpec> HashLookupCommands() { return kHashLookupCommands; }

}  // namespace holdfast
