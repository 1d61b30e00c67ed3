// What a key is made of: OBJECT and MEMORY USAGE, in the words of Redis.
#include "server/commands/object.h"

#include <cstdint>
#include <string_view>

#include "protocol/words.h"
#include "server/commands/command_docs.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"
#include "storage/core/hashes.h"

namespace holdfast {
namespace {

// ---- OBJECT

// Longer strings have a block of their own in Redis.
constexpr size_t kEmbeddedBytesMax = 44;

// Told from the content alone: there is one form of strings here.
std::string_view StringEncoding(std::string_view value) {
  if (ParseInt64(value)) return "int";
  return value.size() <= kEmbeddedBytesMax ? "embstr" : "raw";
}

}  // namespace

std::string_view EncodingOf(const Entry& entry) {
  switch (entry.type()) {
    case KeyType::kString:
      return StringEncoding(entry.string());
    case KeyType::kHash:
      return entry.fields().outgrew_listpack() ? "hashtable" : "listpack";
    case KeyType::kStock:
      return "stock";
  }
  return {};
}

namespace {

// A miss counts, and is no key event.
const Entry* Peeked(CommandContext& ctx) { return CountAsRead(ctx, ctx.shard.Peek(ctx)); }

void CmdObjectEncoding(CommandContext& ctx, Args) {
  const Entry* const entry = Peeked(ctx);
  if (entry == nullptr) return ctx.reply.Null();
  ctx.reply.Bulk(EncodingOf(*entry));
}

void CmdObjectIdleTime(CommandContext& ctx, Args) {
  const Entry* const entry = Peeked(ctx);
  if (entry == nullptr) return ctx.reply.Null();
  ctx.reply.Integer(ctx.shard.keyspace().IdleSeconds(*entry));
}

// Nothing is evicted, so no use is counted.
void CmdObjectFreq(CommandContext& ctx, Args) {
  if (Peeked(ctx) == nullptr) return ctx.reply.Null();
  ctx.reply.Error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

// Values are never shared.
void CmdObjectRefCount(CommandContext& ctx, Args) {
  if (Peeked(ctx) == nullptr) return ctx.reply.Null();
  ctx.reply.Integer(1);
}

// ---- MEMORY

void CmdMemoryUsage(CommandContext& ctx, Args args) {
  for (size_t at = 3; at < args.size(); at += 2) {
    if (!EqualsIgnoreCase(args[at], "SAMPLES") || at + 1 == args.size()) {
      return ctx.reply.Error(kSyntaxError);
    }
    const auto samples = ParseInt64(args[at + 1]);
    if (!samples) return ctx.reply.Error(kNotIntegerError);
    if (*samples < 0) return ctx.reply.Error(kSyntaxError);
  }
  const Entry* const entry = Peeked(ctx);
  if (entry == nullptr) return ctx.reply.Null();
  ctx.reply.Integer(static_cast<int64_t>(entry->MemoryBytes()));
}

constexpr KeyPositions kSecondWord{.first = 2, .last = 2, .step = 1};

constexpr CommandSpec OfKey(std::string_view name, CommandFunction run, int arity,
                            std::string_view group, std::string_view args,
                            std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kReadOnly,
          .keys = kSecondWord,
          .group = group,
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

constexpr CommandSpec Help(std::string_view name, std::string_view group) {
  return {.name = name,
          .run = CmdContainerHelp,
          .arity = 2,
          .flags = kLoading | kStale,
          .home = Home::kClient,
          .group = group,
          .since = "0.1.0",
          .args = "",
          .summary = "Print this help."};
}

constexpr CommandSpec kObjectCommands[] = {
    ContainerRow("generic", "OBJECT", "What a key is made of."),
    OfKey(
        "OBJECT|ENCODING", CmdObjectEncoding, 3, "generic", "key",
        "Answer how Redis would keep the value: int, embstr, raw, listpack, hashtable; or stock."),
    OfKey("OBJECT|FREQ", CmdObjectFreq, 3, "generic", "key",
          "An error, as in Redis without an LFU policy: nothing is ever evicted."),
    OfKey("OBJECT|IDLETIME", CmdObjectIdleTime, 3, "generic", "key",
          "Answer the seconds since the key was used, or since the start."),
    OfKey("OBJECT|REFCOUNT", CmdObjectRefCount, 3, "generic", "key",
          "Answer 1: values are never shared."),
    Help("OBJECT|HELP", "generic"),
    ContainerRow("server", "MEMORY", "What takes memory."),
    OfKey("MEMORY|USAGE", CmdMemoryUsage, -3, "server", "key [SAMPLES count]",
          "Answer the bytes that the key and its value take. They are known, not sampled."),
    Help("MEMORY|HELP", "server"),
};

}  // namespace

std::span<const CommandSpec> ObjectCommands() { return kObjectCommands; }

}  // namespace holdfast
