// What the commands of ordinary keys share: the look-up that counts as a read, refusals, and where
// the key stands.
#pragma once

#include <string_view>

#include "server/command.h"
#include "server/shard/shard.h"
#include "storage/core/entry.h"
#include "storage/core/item.h"

namespace holdfast {

inline constexpr std::string_view kWrongTypeError =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNotIntegerError = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotFloatError = "ERR value is not a valid float";
inline constexpr std::string_view kSyntaxError = "ERR syntax error";
// Whoever would overwrite, remove or expire a stock key: its sold records are records, too.
inline constexpr std::string_view kProtectedError =
    "PROTECTED the key holds stock, use STOCK.DROP to remove it";

inline constexpr KeyPositions kFirstKey{.first = 1, .last = 1, .step = 1};

inline bool IsStock(const Entry* entry) {
  return entry != nullptr && entry->type() == KeyType::kStock;
}
inline bool IsOtherThan(KeyType type, const Entry* entry) {
  return entry != nullptr && entry->type() != type;
}

inline Entry* CountAsRead(CommandContext& ctx, Entry* entry) {
  ShardMetrics& metrics = ctx.shard.metrics();
  (entry != nullptr ? metrics.keyspace_hits : metrics.keyspace_misses).Add();
  return entry;
}
// The same, and whoever listens hears of a miss.
inline Entry* NoteRead(CommandContext& ctx, Entry* entry) {
  if (entry == nullptr) ctx.shard.Notify(kMissEvents, ctx.place, "keymiss");
  return CountAsRead(ctx, entry);
}
// A look-up for reading: counted as keyspace_hits or keyspace_misses. Null if absent.
inline Entry* FindForRead(CommandContext& ctx) { return NoteRead(ctx, ctx.shard.Find(ctx)); }
// The same for who asks about the key and does not use it: OBJECT IDLETIME runs on.
inline Entry* PeekForRead(CommandContext& ctx) { return NoteRead(ctx, ctx.shard.Peek(ctx)); }

// Of several shards' integers. The first error wins: the rest was done all the same.
void CombineSum(RespWriter& reply, std::span<const std::string> parts);

}  // namespace holdfast
