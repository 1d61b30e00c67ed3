// Strings as a whole: set, read, replaced, removed.
#include <optional>
#include <string_view>

#include "protocol/words.h"
#include "server/commands/expiry.h"
#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

// ---- options of SET and GETEX

struct StringOptions {
  bool only_absent = false;   // NX
  bool only_present = false;  // XX
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  ExpiryForm expiry = ExpiryForm::kNone;
  std::string_view expiry_number;

  // At most one of EX, PX, EXAT, PXAT, KEEPTTL, PERSIST; the same one may come again, as in Redis.
  bool MayExpireBy(ExpiryForm form) const {
    return !keep_ttl && !persist && (expiry == ExpiryForm::kNone || expiry == form);
  }
};

// NX, XX, GET, KEEPTTL. False: another word, or not beside those before it.
bool TakeSetWord(std::string_view word, StringOptions& options) {
  if (EqualsIgnoreCase(word, "NX")) {
    options.only_absent = true;
  } else if (EqualsIgnoreCase(word, "XX")) {
    options.only_present = true;
  } else if (EqualsIgnoreCase(word, "GET")) {
    options.get = true;
  } else if (EqualsIgnoreCase(word, "KEEPTTL")) {
    options.keep_ttl = true;
  } else {
    return false;
  }
  return !(options.only_absent && options.only_present) &&
         !(options.keep_ttl && options.expiry != ExpiryForm::kNone);
}

bool TakeGetExWord(std::string_view word, StringOptions& options) {
  if (!EqualsIgnoreCase(word, "PERSIST")) return false;
  options.persist = true;
  return options.expiry == ExpiryForm::kNone;
}

// Nothing: a syntax error.
std::optional<StringOptions> ReadOptions(Args words,
                                         bool (*take_word)(std::string_view, StringOptions&)) {
  StringOptions options;
  for (size_t at = 0; at < words.size(); ++at) {
    const ExpiryForm form = ExpiryFormOf(words[at]);
    if (form == ExpiryForm::kNone) {
      if (!take_word(words[at], options)) return std::nullopt;
      continue;
    }
    if (!options.MayExpireBy(form) || at + 1 == words.size()) return std::nullopt;
    options.expiry = form;
    options.expiry_number = words[++at];
  }
  return options;
}

// The deadline that the options ask for, kNever if none; nothing after it has replied an error.
std::optional<UnixMs> ReadDeadline(CommandContext& ctx, const StringOptions& options,
                                   std::string_view error) {
  if (options.expiry == ExpiryForm::kNone) return kNever;
  const auto number = ParseInt64(options.expiry_number);
  if (!number) {
    ctx.reply.Error(kNotIntegerError);
    return std::nullopt;
  }
  const auto deadline =
      *number > 0 ? DeadlineOf(options.expiry, *number, ctx.now.now) : std::nullopt;
  if (!deadline) ctx.reply.Error(error);
  return deadline;
}

void ReplyString(CommandContext& ctx, const Entry* entry) {
  if (entry == nullptr) return ctx.reply.Null();
  ctx.reply.Bulk(entry->string());
}

inline void NotifySet(CommandContext& ctx, UnixMs deadline) {
  if (!ctx.shard.Notifies(kStringEvents | kGenericEvents)) [[likely]]
    return;
  ctx.shard.Notify(kStringEvents, ctx.place, "set");
  if (deadline != kNever) ctx.shard.Notify(kGenericEvents, ctx.place, "expire");
}

// ---- commands

void CmdSet(CommandContext& ctx, Args args) {
  const auto options = ReadOptions(args.subspan(3), TakeSetWord);
  if (!options) return ctx.reply.Error(kSyntaxError);
  const auto deadline = ReadDeadline(ctx, *options, "ERR invalid expire time in 'set' command");
  if (!deadline) return;

  const Entry* const entry = options->get ? FindForRead(ctx) : ctx.shard.Find(ctx);
  const bool refused =
      (options->only_absent && entry != nullptr) || (options->only_present && entry == nullptr);
  if (IsStock(entry) && !refused) return ctx.reply.Error(kProtectedError);
  if (options->get) {
    if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
    ReplyString(ctx, entry);
  }
  if (refused) {
    if (!options->get) ctx.reply.Null();
    return;
  }
  const bool keeps = options->keep_ttl && entry != nullptr;
  ctx.shard.Commit(ctx,
                   StringSet{.value = args[2], .deadline = keeps ? entry->deadline() : *deadline});
  NotifySet(ctx, *deadline);
  if (!options->get) ctx.reply.Ok();
}

void CmdGet(CommandContext& ctx, Args) {
  const Entry* const entry = FindForRead(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  ReplyString(ctx, entry);
}

// SETEX, PSETEX: key, time to live, value.
void SetFor(CommandContext& ctx, Args args, ExpiryForm form, std::string_view error) {
  const auto deadline = ReadDeadline(ctx, {.expiry = form, .expiry_number = args[2]}, error);
  if (!deadline) return;
  if (IsStock(ctx.shard.Find(ctx))) return ctx.reply.Error(kProtectedError);
  ctx.shard.Commit(ctx, StringSet{.value = args[3], .deadline = *deadline});
  NotifySet(ctx, *deadline);
  ctx.reply.Ok();
}

void CmdSetEx(CommandContext& ctx, Args args) {
  SetFor(ctx, args, ExpiryForm::kEx, "ERR invalid expire time in 'setex' command");
}

void CmdPSetEx(CommandContext& ctx, Args args) {
  SetFor(ctx, args, ExpiryForm::kPx, "ERR invalid expire time in 'psetex' command");
}

void CmdSetNx(CommandContext& ctx, Args args) {
  if (ctx.shard.Find(ctx) != nullptr) return ctx.reply.Integer(0);
  ctx.shard.Commit(ctx, StringSet{.value = args[2]});
  NotifySet(ctx, kNever);
  ctx.reply.Integer(1);
}

void CmdGetSet(CommandContext& ctx, Args args) {
  const Entry* const entry = FindForRead(ctx);
  if (IsStock(entry)) return ctx.reply.Error(kProtectedError);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  ReplyString(ctx, entry);
  ctx.shard.Commit(ctx, StringSet{.value = args[2]});
  NotifySet(ctx, kNever);
}

void CmdGetEx(CommandContext& ctx, Args args) {
  const auto options = ReadOptions(args.subspan(2), TakeGetExWord);
  if (!options) return ctx.reply.Error(kSyntaxError);
  const Entry* const entry = FindForRead(ctx);
  if (entry == nullptr) return ctx.reply.Null();
  if (IsStock(entry) && args.size() > 2) return ctx.reply.Error(kProtectedError);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const auto deadline = ReadDeadline(ctx, *options, "ERR invalid expire time in 'getex' command");
  if (!deadline) return;

  ReplyString(ctx, entry);
  if (options->persist) {
    if (!entry->has_deadline()) return;
    ctx.shard.Commit(ctx, DeadlineSet{.deadline = kNever});
    ctx.shard.Notify(kGenericEvents, ctx.place, "persist");
  } else if (*deadline != kNever && *deadline > ctx.now.now) {
    ctx.shard.Commit(ctx, DeadlineSet{.deadline = *deadline});
    ctx.shard.Notify(kGenericEvents, ctx.place, "expire");
  } else if (*deadline != kNever) {
    ctx.shard.Commit(ctx, KeyDeleted{});
    ctx.shard.Notify(kGenericEvents, ctx.place, "del");
  }
}

void CmdGetDel(CommandContext& ctx, Args) {
  const Entry* const entry = FindForRead(ctx);
  if (IsStock(entry)) return ctx.reply.Error(kProtectedError);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  ReplyString(ctx, entry);
  if (entry == nullptr) return;
  ctx.shard.Commit(ctx, KeyDeleted{});
  ctx.shard.Notify(kGenericEvents, ctx.place, "del");
}

constexpr CommandSpec kStringCommands[] = {
    {.name = "SET",
     .run = CmdSet,
     .arity = -3,
     .flags = kWrite | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key value [NX|XX] [GET] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]",
     .summary = "Set the key to a string, whatever it held; NX and XX ask first, GET answers the "
                "old value."},
    {.name = "GET",
     .run = CmdGet,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key",
     .summary = "Answer the string of the key."},
    {.name = "GETEX",
     .run = CmdGetEx,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]",
     .summary = "Answer the string of the key and give it a new deadline, or none."},
    {.name = "GETDEL",
     .run = CmdGetDel,
     .arity = 2,
     .flags = kWrite | kFast,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key",
     .summary = "Answer the string of the key and delete it."},
    {.name = "SETEX",
     .run = CmdSetEx,
     .arity = 4,
     .flags = kWrite | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key seconds value",
     .summary = "Set the key to a string that dies after so many seconds."},
    {.name = "PSETEX",
     .run = CmdPSetEx,
     .arity = 4,
     .flags = kWrite | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key milliseconds value",
     .summary = "Set the key to a string that dies after so many milliseconds."},
    {.name = "SETNX",
     .run = CmdSetNx,
     .arity = 3,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key value",
     .summary = "Set the key to a string if it is absent; answers 1 if it was."},
    {.name = "GETSET",
     .run = CmdGetSet,
     .arity = 3,
     .flags = kWrite | kFast | kGrows,
     .keys = kFirstKey,
     .group = "string",
     .since = "0.1.0",
     .args = "key value",
     .summary = "Set the key to a string; answers the old one."},
};

}  // namespace

std::span<const CommandSpec> StringCommands() { return kStringCommands; }

}  // namespace holdfast
