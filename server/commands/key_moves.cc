// Keys that go elsewhere: MOVE, RENAME, RENAMENX, COPY. What arrives is logged whole, as if it had
// been set there, so the log needs no mutation that speaks of two keys.
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "server/group.h"
#include "storage/base/parse_int.h"
#include "storage/core/hashes.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

constexpr std::string_view kNoSuchKey = "ERR no such key";
constexpr std::string_view kNotIntError =
    "ERR value is out of range, value must between -2147483648 and 2147483647";
constexpr std::string_view kDbRangeError = "ERR DB index is out of range";
constexpr std::string_view kSameObjects = "ERR source and destination objects are the same";
constexpr std::string_view kTooLarge = "ERR the value is larger than group-bytes-max";

// The database that the word names; nothing: `error` says why.
std::optional<DbIndex> ParseDb(std::string_view word, std::string_view& error) {
  using Limits = std::numeric_limits<int>;
  const auto db = ParseInt64(word);
  if (!db) {
    error = kNotIntegerError;
  } else if (*db < Limits::min() || *db > Limits::max()) {
    error = kNotIntError;
  } else if (*db < 0 || *db >= kDatabases) {
    error = kDbRangeError;
  } else {
    return static_cast<DbIndex>(*db);
  }
  return std::nullopt;
}

// What the value takes in the log, when it goes there whole.
size_t LoggedBytes(const Entry& entry) {
  if (entry.type() == KeyType::kString) return entry.string().size();
  size_t bytes = 0;
  entry.fields().ForEach([&](std::string_view field, std::string_view value) {
    bytes += 2 * sizeof(uint32_t) + field.size() + value.size();
  });
  return bytes;
}

// Makes another key what `entry` is, its deadline too. `commit` takes the mutations for that key,
// which is absent (or, for a string, an ordinary key).
template <typename Commit>
void CommitCopy(const Entry& entry, UnixMs deadline, Commit&& commit) {
  if (entry.type() == KeyType::kString) {
    return commit(StringSet{.value = entry.string(), .deadline = deadline});
  }
  HashFieldsSet set;
  set.pairs.reserve(entry.fields().size());
  entry.fields().ForEach([&](std::string_view field, std::string_view value) {
    set.pairs.push_back({field, value});
  });
  commit(set);
  if (deadline != kNever) commit(DeadlineSet{.deadline = deadline});
}

// ---- MOVE: one slot, so one shard, in two databases

void CmdMove(CommandContext& ctx, Args args) {
  std::string_view error;
  const auto db = ParseDb(args[2], error);
  if (!db) return ctx.reply.Error(error);
  if (*db == ctx.db) return ctx.reply.Error(kSameObjects);
  const KeyPlace from = ctx.place;
  const KeyPlace to = ctx.shard.At(*db, args[1]);
  const Entry* const entry = ctx.shard.Find(ctx, from);
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (ctx.shard.Find(ctx, to) != nullptr) return ctx.reply.Integer(0);
  if (IsStock(entry)) return ctx.reply.Error(kProtectedError);
  if (LoggedBytes(*entry) > static_cast<size_t>(ctx.shard.config().group_bytes_max)) {
    return ctx.reply.Error(kTooLarge);
  }
  ctx.place = to;
  CommitCopy(*entry, entry->deadline(),
             [&](const auto& mutation) { ctx.shard.Commit(ctx, mutation); });
  ctx.place = from;
  ctx.shard.Commit(ctx, KeyDeleted{});
  ctx.shard.Notify(kGenericEvents, from, "move_from");
  ctx.shard.Notify(kGenericEvents, to, "move_to");
  ctx.reply.Integer(1);
}

// ---- RENAME, RENAMENX, COPY

constexpr size_t kSource = 0;
constexpr size_t kTarget = 1;

// The source's value onto the target, whatever ordinary key that was. False: an error is replied.
[[nodiscard]] bool CopyOver(GroupContext& ctx, const KeyView& source, const KeyView& target) {
  const auto is_stock = [](const KeyView& key) {
    return key.exists && key.type == KeyType::kStock;
  };
  if (is_stock(source) || is_stock(target)) {
    ctx.reply().Error(kProtectedError);
    return false;
  }
  if (LoggedBytes(*source.entry) > static_cast<size_t>(ctx.config().group_bytes_max)) {
    ctx.reply().Error(kTooLarge);
    return false;
  }
  if (target.exists && source.type != KeyType::kString) ctx.Commit(kTarget, KeyDeleted{});
  const bool replaces = target.exists && source.type == KeyType::kString;
  if (replaces) ctx.Notify(kTarget, kNewEvents, "new");  // as in Redis, which deletes it first
  CommitCopy(*source.entry, source.deadline,
             [&](const auto& mutation) { ctx.Commit(kTarget, mutation); });
  return true;
}

void NotifyRenamed(GroupContext& ctx) {
  ctx.Notify(kSource, kGenericEvents, "rename_from");
  ctx.Notify(kTarget, kGenericEvents, "rename_to");
}

void DecideRename(GroupContext& ctx, Args args) {
  const KeyView source = ctx.Look(kSource);
  if (!source.exists) return ctx.reply().Error(kNoSuchKey);
  if (args[1] != args[2]) {
    if (!CopyOver(ctx, source, ctx.Look(kTarget))) return;
    ctx.Commit(kSource, KeyDeleted{});
    NotifyRenamed(ctx);
  }
  ctx.reply().Ok();
}

void DecideRenameNx(GroupContext& ctx, Args) {
  const KeyView source = ctx.Look(kSource);
  if (!source.exists) return ctx.reply().Error(kNoSuchKey);
  const KeyView target = ctx.Look(kTarget);  // perhaps the source itself
  if (target.exists) return ctx.reply().Integer(0);
  if (!CopyOver(ctx, source, target)) return;
  ctx.Commit(kSource, KeyDeleted{});
  NotifyRenamed(ctx);
  ctx.reply().Integer(1);
}

struct CopyOptions {
  DbIndex db;
  bool replace = false;
  std::string_view error = {};  // empty: none
};

CopyOptions ReadCopyOptions(Args words, DbIndex db) {
  CopyOptions options{.db = db};
  for (size_t at = 0; at < words.size() && options.error.empty(); ++at) {
    if (EqualsIgnoreCase(words[at], "REPLACE")) {
      options.replace = true;
    } else if (EqualsIgnoreCase(words[at], "DB") && at + 1 < words.size()) {
      options.db = ParseDb(words[++at], options.error).value_or(db);
    } else {
      options.error = kSyntaxError;
    }
  }
  return options;
}

DbIndex DbOfCopy(Args args, size_t key, DbIndex db) {
  return key == kTarget ? ReadCopyOptions(args.subspan(3), db).db : db;
}

void DecideCopy(GroupContext& ctx, Args args) {
  const CopyOptions options = ReadCopyOptions(args.subspan(3), ctx.db());
  if (!options.error.empty()) return ctx.reply().Error(options.error);
  if (args[1] == args[2] && options.db == ctx.db()) return ctx.reply().Error(kSameObjects);
  const KeyView source = ctx.Read(kSource);
  if (!source.exists) return ctx.reply().Integer(0);
  const KeyView target = ctx.Look(kTarget);
  if (target.exists && !options.replace) return ctx.reply().Integer(0);
  if (!CopyOver(ctx, source, target)) return;
  ctx.Notify(kTarget, kGenericEvents, "copy_to");
  ctx.reply().Integer(1);
}

constexpr KeyPositions kTwoKeys{.first = 1, .last = 2, .step = 1};

constexpr CommandSpec kKeyMoveCommands[] = {
    {.name = "MOVE",
     .run = CmdMove,
     .arity = 3,
     .flags = kWrite | kCopies | kFast,
     .keys = kFirstKey,
     .group = "generic",
     .since = "0.1.0",
     .args = "key db",
     .summary = "Move the key to another database; answers 1, or 0 if it is not here or one of its "
                "name is there."},
    {.name = "RENAME",
     .decide = DecideRename,
     .gathers = Gathers::kFirstValue,
     .arity = 3,
     .flags = kWrite | kCopies,
     .home = Home::kGroup,
     .keys = kTwoKeys,
     .group = "generic",
     .since = "0.1.0",
     .args = "key newkey",
     .summary = "Give the key another name, in place of the key that had it."},
    {.name = "RENAMENX",
     .decide = DecideRenameNx,
     .gathers = Gathers::kFirstValue,
     .arity = 3,
     .flags = kWrite | kCopies | kFast,
     .home = Home::kGroup,
     .keys = kTwoKeys,
     .group = "generic",
     .since = "0.1.0",
     .args = "key newkey",
     .summary = "Give the key another name if no key has it; answers 1 if it did."},
    {.name = "COPY",
     .decide = DecideCopy,
     .gathers = Gathers::kFirstValue,
     .key_db = DbOfCopy,
     .arity = -3,
     .flags = kWrite | kCopies | kGrows,
     .home = Home::kGroup,
     .keys = kTwoKeys,
     .group = "generic",
     .since = "0.1.0",
     .args = "source destination [DB destination-db] [REPLACE]",
     .summary =
         "Copy the key with its deadline; answers 1 if it did, 0 if there is nothing to copy "
         "or, without REPLACE, a key of the other name."},
};

}  // namespace

std::span<const CommandSpec> KeyMoveCommands() { return kKeyMoveCommands; }

}  // namespace holdfast
