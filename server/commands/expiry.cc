// Deadlines of keys.
#include "server/commands/expiry.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {

ExpiryForm ExpiryFormOf(std::string_view word) {
  if (EqualsIgnoreCase(word, "EX")) return ExpiryForm::kEx;
  if (EqualsIgnoreCase(word, "PX")) return ExpiryForm::kPx;
  if (EqualsIgnoreCase(word, "EXAT")) return ExpiryForm::kExAt;
  if (EqualsIgnoreCase(word, "PXAT")) return ExpiryForm::kPxAt;
  return ExpiryForm::kNone;
}

std::optional<UnixMs> DeadlineOf(ExpiryForm form, int64_t number, UnixMs now) {
  int64_t ms = number;
  if (IsInSeconds(form) && __builtin_mul_overflow(number, int64_t{1000}, &ms)) return std::nullopt;
  if (!IsAbsolute(form) && __builtin_add_overflow(ms, ToUnixMs(now), &ms)) return std::nullopt;
  return FromUnixMs(ms);
}

namespace {

// EXPIRE's conditions; all that are asked for must hold.
struct ExpireConditions {
  bool has_none = false;    // NX
  bool has_one = false;     // XX
  bool is_later = false;    // GT
  bool is_earlier = false;  // LT

  // No deadline is later than any.
  bool Allow(UnixMs present, UnixMs wanted) const {
    const bool has = present != kNever;
    if (has_none && has) return false;
    if (has_one && !has) return false;
    if (is_later && (!has || wanted <= present)) return false;
    return !(is_earlier && has && wanted >= present);
  }
};

// Nothing after it has replied an error.
std::optional<ExpireConditions> ReadConditions(CommandContext& ctx, Args words) {
  ExpireConditions conditions;
  for (const std::string_view word : words) {
    if (EqualsIgnoreCase(word, "NX")) {
      conditions.has_none = true;
    } else if (EqualsIgnoreCase(word, "XX")) {
      conditions.has_one = true;
    } else if (EqualsIgnoreCase(word, "GT")) {
      conditions.is_later = true;
    } else if (EqualsIgnoreCase(word, "LT")) {
      conditions.is_earlier = true;
    } else {
      ctx.reply.Error("ERR Unsupported option " + std::string(word));
      return std::nullopt;
    }
  }
  const auto& [has_none, has_one, is_later, is_earlier] = conditions;
  if (has_none && (has_one || is_later || is_earlier)) {
    ctx.reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (is_later && is_earlier) {
    ctx.reply.Error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return conditions;
}

void Expire(CommandContext& ctx, Args args, ExpiryForm form, std::string_view range_error) {
  const auto conditions = ReadConditions(ctx, args.subspan(3));
  if (!conditions) return;
  const auto number = ParseInt64(args[2]);
  if (!number) return ctx.reply.Error(kNotIntegerError);
  const auto deadline = DeadlineOf(form, *number, ctx.now.now);
  if (!deadline) return ctx.reply.Error(range_error);

  const Entry* const entry = ctx.shard.Find(ctx);
  if (entry == nullptr || !conditions->Allow(entry->deadline(), *deadline)) {
    return ctx.reply.Integer(0);
  }
  if (IsStock(entry)) return ctx.reply.Error(kProtectedError);
  if (*deadline > ctx.now.now) {
    ctx.shard.Commit(ctx, DeadlineSet{.deadline = *deadline});
    ctx.shard.Notify(kGenericEvents, ctx.place, "expire");
  } else {
    // A deadline that is past already deletes at once.
    ctx.shard.Commit(ctx, KeyDeleted{});
    ctx.shard.Notify(kGenericEvents, ctx.place, "del");
  }
  ctx.reply.Integer(1);
}

void CmdExpire(CommandContext& ctx, Args args) {
  Expire(ctx, args, ExpiryForm::kEx, "ERR invalid expire time in 'expire' command");
}

void CmdPExpire(CommandContext& ctx, Args args) {
  Expire(ctx, args, ExpiryForm::kPx, "ERR invalid expire time in 'pexpire' command");
}

void CmdExpireAt(CommandContext& ctx, Args args) {
  Expire(ctx, args, ExpiryForm::kExAt, "ERR invalid expire time in 'expireat' command");
}

void CmdPExpireAt(CommandContext& ctx, Args args) {
  Expire(ctx, args, ExpiryForm::kPxAt, "ERR invalid expire time in 'pexpireat' command");
}

// To the nearest, without leaving int64 on the way.
int64_t RoundedSeconds(int64_t ms) { return ms / 1000 + (ms % 1000 >= 500 ? 1 : 0); }

// Milliseconds that the key has left; -1: no deadline, -2: no key.
int64_t MsLeft(CommandContext& ctx) {
  const Entry* const entry = PeekForRead(ctx);
  if (entry == nullptr) return -2;
  if (!entry->has_deadline()) return -1;
  return (entry->deadline() - ctx.now.now).count();
}

void CmdTtl(CommandContext& ctx, Args) {
  const int64_t ms = MsLeft(ctx);
  ctx.reply.Integer(ms < 0 ? ms : RoundedSeconds(ms));
}

void CmdPTtl(CommandContext& ctx, Args) { ctx.reply.Integer(MsLeft(ctx)); }

// The key's deadline in Unix milliseconds; -1: none, -2: no key.
int64_t DeadlineMs(CommandContext& ctx) {
  const Entry* const entry = PeekForRead(ctx);
  if (entry == nullptr) return -2;
  return entry->has_deadline() ? ToUnixMs(entry->deadline()) : -1;
}

void CmdExpireTime(CommandContext& ctx, Args) {
  const int64_t ms = DeadlineMs(ctx);
  ctx.reply.Integer(ms < 0 ? ms : RoundedSeconds(ms));
}

void CmdPExpireTime(CommandContext& ctx, Args) { ctx.reply.Integer(DeadlineMs(ctx)); }

void CmdPersist(CommandContext& ctx, Args) {
  const Entry* const entry = ctx.shard.Find(ctx);
  if (entry == nullptr || !entry->has_deadline()) return ctx.reply.Integer(0);
  ctx.shard.Commit(ctx, DeadlineSet{.deadline = kNever});
  ctx.shard.Notify(kGenericEvents, ctx.place, "persist");
  ctx.reply.Integer(1);
}

constexpr CommandSpec Row(std::string_view name, CommandFunction run, int arity, uint32_t kind,
                          std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kind | kFast,
          .keys = kFirstKey,
          .group = "generic",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

constexpr CommandSpec kExpiryCommands[] = {
    Row("EXPIRE", CmdExpire, -3, kWrite, "key seconds [NX|XX|GT|LT]",
        "Let the key die after so many seconds; at once if they are not positive."),
    Row("PEXPIRE", CmdPExpire, -3, kWrite, "key milliseconds [NX|XX|GT|LT]",
        "Let the key die after so many milliseconds; at once if they are not positive."),
    Row("EXPIREAT", CmdExpireAt, -3, kWrite, "key unix-time-seconds [NX|XX|GT|LT]",
        "Let the key die at that time; at once if it is past."),
    Row("PEXPIREAT", CmdPExpireAt, -3, kWrite, "key unix-time-milliseconds [NX|XX|GT|LT]",
        "Let the key die at that time; at once if it is past."),
    Row("TTL", CmdTtl, 2, kReadOnly, "key",
        "Answer the seconds that the key has left; -1: no deadline, -2: no key."),
    Row("PTTL", CmdPTtl, 2, kReadOnly, "key",
        "Answer the milliseconds that the key has left; -1: no deadline, -2: no key."),
    Row("EXPIRETIME", CmdExpireTime, 2, kReadOnly, "key",
        "Answer the key's deadline in Unix seconds; -1: no deadline, -2: no key."),
    Row("PEXPIRETIME", CmdPExpireTime, 2, kReadOnly, "key",
        "Answer the key's deadline in Unix milliseconds; -1: no deadline, -2: no key."),
    Row("PERSIST", CmdPersist, 2, kWrite, "key", "Take the key's deadline away."),
};

}  // namespace

std::span<const CommandSpec> ExpiryCommands() { return kExpiryCommands; }

}  // namespace holdfast
