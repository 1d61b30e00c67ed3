// MULTI, EXEC, DISCARD, WATCH, UNWATCH: how they run is in server/shard/transactions.h.
#include "server/shard/transactions.h"

#include <memory>

#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "server/shard/router.h"

namespace holdfast {
namespace {

void CmdMulti(CommandContext& ctx, Args) {
  if (ctx.client->transaction != nullptr)
    return ctx.reply.Error("ERR MULTI calls can not be nested");
  ctx.client->transaction = std::make_unique<Transaction>();
  ctx.reply.Ok();
}

void CmdDiscard(CommandContext& ctx, Args) {
  if (ctx.client->transaction == nullptr) return ctx.reply.Error("ERR DISCARD without MULTI");
  ctx.client->transaction.reset();
  ctx.router.transactions().Unwatch(*ctx.client);
  ctx.reply.Ok();
}

// For one key, on its owner.
void CmdWatch(CommandContext& ctx, Args args) {
  ctx.shard.Live(ctx.place);  // one that is past its deadline is watched as absent
  ctx.shard.watches().Add(ctx.db, args[1], ctx.client_id);
  ctx.reply.Ok();
}

void CombineWatch(RespWriter& reply, std::span<const std::string>) { reply.Ok(); }

void CmdUnwatch(CommandContext& ctx, Args) {
  ctx.router.transactions().Unwatch(*ctx.client);
  ctx.reply.Ok();
}

constexpr uint32_t kAlways = kLoading | kStale | kNoScript;
constexpr uint32_t kAtOnce = kAlways | kFast | kAllowBusy | kImmediate;

constexpr CommandSpec kTransactionCommands[] = {
    {.name = "MULTI",
     .run = CmdMulti,
     .arity = 1,
     .flags = kAtOnce,
     .home = Home::kClient,
     .group = "transactions",
     .since = "0.2.0",
     .args = "",
     .summary = "Queue what follows until EXEC."},
    {.name = "EXEC",
     .arity = 1,
     .flags = kAlways | kImmediate | kSkipSlowlog,
     .home = Home::kTransaction,
     .group = "transactions",
     .since = "0.2.0",
     .args = "",
     .summary = "Run the queued commands at one instant, unless a watched key was changed."},
    {.name = "DISCARD",
     .run = CmdDiscard,
     .arity = 1,
     .flags = kAtOnce,
     .home = Home::kClient,
     .group = "transactions",
     .since = "0.2.0",
     .args = "",
     .summary = "Forget the queued commands and what is watched."},
    {.name = "WATCH",
     .run = CmdWatch,
     .arity = -2,
     .flags = kAtOnce | kWatches,
     .home = Home::kEachKey,
     .keys = {.first = 1, .last = -1, .step = 1},
     .combine = CombineWatch,
     .group = "transactions",
     .since = "0.2.0",
     .args = "key [key ...]",
     .summary = "EXEC does nothing if one of these keys is changed before it."},
    {.name = "UNWATCH",
     .run = CmdUnwatch,
     .arity = 1,
     .flags = kAlways | kFast | kAllowBusy,
     .home = Home::kClient,
     .group = "transactions",
     .since = "0.2.0",
     .args = "",
     .summary = "Watch no key any more."},
};

}  // namespace

std::span<const CommandSpec> TransactionCommands() { return kTransactionCommands; }

}  // namespace holdfast
