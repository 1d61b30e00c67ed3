// What the replies of the stock's commands have in common: what they wait for, who counts them, how
// errors quote.
#pragma once

#include <string>
#include <string_view>

#include "server/command.h"
#include "server/metrics.h"
#include "server/shard/shard.h"

namespace holdfast {

// A reply that tells of the SKU waits for its last change; a refusal only for the last change that
// it could have come from, so that a sold-out SKU answers at once while others confirm.
inline void WaitForItem(CommandContext& ctx) { ctx.WaitForRead(ctx.item->any_stamp); }
inline void WaitForRefusal(CommandContext& ctx) { ctx.WaitForRead(ctx.item->available_stamp); }

template <typename Status>
void CountOutcome(CommandContext& ctx, StockVerb verb, Status status) {
  static_assert(static_cast<int>(Status{}) == 0);
  ctx.shard.metrics().outcomes[static_cast<size_t>(verb)][static_cast<size_t>(status)].Add();
}

// 'word', cut where it is long: the client may have sent megabytes.
inline std::string Quoted(std::string_view word) {
  constexpr size_t kQuotedBytesMax = 128;
  return "'" + std::string(word.substr(0, kQuotedBytesMax)) + "'";
}

// Requires: args are [verb, sku, hold, ...].
inline void ReplyNoHold(CommandContext& ctx, Args args) {
  ctx.reply.Error("NOHOLD no hold " + Quoted(args[2]) + " on " + Quoted(args[1]) +
                  " (never made, or forgotten)");
}

inline void ReplyBulkOrNull(RespWriter& reply, std::string_view bytes) {
  bytes.empty() ? reply.Null() : reply.Bulk(bytes);
}

}  // namespace holdfast
