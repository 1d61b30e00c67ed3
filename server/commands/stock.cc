// A SKU's life: STOCK.CREATE, SET, ADJUST, RETURN, DROP, by the decisions of storage/core/stock.h.
#include "storage/core/stock.h"

#include "server/commands/keys.h"
#include "server/commands/stock_arguments.h"
#include "server/commands/stock_replies.h"
#include "server/commands/tables.h"

namespace holdfast {
namespace {

// ---- STOCK.CREATE, STOCK.SET ----

// With `nx` for CREATE, without for SET.
OptionsChange ReadChange(StockArguments& in, size_t first, bool* nx) {
  OptionValue limit, maxqty, opens, closes, ttl, retain, safety, paused;
  const auto read = [&](auto... more) {
    in.Options(first, {{"LIMIT", limit},
                       {"MAXQTY", maxqty},
                       {"OPENS", opens},
                       {"CLOSES", closes},
                       {"TTL", ttl},
                       {"RETAIN", retain},
                       {"SAFETY", safety},
                       {"PAUSED", paused},
                       more...});
  };
  nx != nullptr ? read(Option("NX", *nx)) : read();
  return {.limit = in.StockUnits(limit),
          .maxqty = in.StockUnits(maxqty),
          .safety = in.StockUnits(safety),
          .opens = in.InstantMs(opens),
          .closes = in.InstantMs(closes),
          .ttl = in.Seconds(ttl),
          .retain = in.Seconds(retain),
          .paused = in.YesOrNo(paused)};
}

void ReplyBadWindow(CommandContext& ctx) {
  ctx.reply.Error("ERR CLOSES must come after OPENS; 0 unsets either");
}

void CmdCreate(CommandContext& ctx, Args args) {
  bool nx = false;
  StockArguments in(ctx, args);
  const Units units = in.StockUnits(args[2]);
  const OptionsChange options = ReadChange(in, 3, &nx);
  if (in.Refused()) return;
  const auto decision = DecideCreate(units, options, ctx.now);
  if (decision.outcome == OptionsStatus::kBadWindow) return ReplyBadWindow(ctx);
  if (ctx.wrong_type) return ctx.reply.Error(kWrongTypeError);
  if (ctx.item != nullptr) {
    WaitForItem(ctx);
    if (nx) return ctx.reply.Null();
    return ctx.reply.Error("EXISTS SKU " + Quoted(args[1]) +
                           " exists, change it with STOCK.SET and STOCK.ADJUST");
  }
  if (!ctx.shard.MayGrow()) return ctx.reply.Error(ctx.shard.GrowthRefusal());
  ctx.shard.CreateStock(ctx, *decision.mutation);
  ctx.reply.Ok();
}

void CmdSet(CommandContext& ctx, Args args) {
  StockArguments in(ctx, args);
  const OptionsChange change = ReadChange(in, 2, nullptr);
  if (!in.Sku()) return;
  WaitForItem(ctx);
  const auto decision = DecideSet(*ctx.item, change, ctx.now);
  if (decision.outcome == OptionsStatus::kBadWindow) return ReplyBadWindow(ctx);
  if (decision.mutation) ctx.shard.CommitStock(ctx, *decision.mutation);
  ctx.reply.Ok();
}

// ---- STOCK.ADJUST, STOCK.RETURN ----

void ReplyMove(CommandContext& ctx, std::string_view status, Units units, Units available) {
  ctx.reply.Array(3);
  ctx.reply.SimpleString(status);
  ctx.reply.Integer(units);
  ctx.reply.Integer(available);
}

void ReplyRefMismatch(CommandContext& ctx, std::string_view ref) {
  ctx.reply.Error("HOLDMISMATCH ref " + Quoted(ref) + " was used for something else");
}

void ReplyTo(CommandContext& ctx, Args args, const AdjustOutcome& outcome) {
  const auto answer = [&](std::string_view status) {
    CountOutcome(ctx, StockVerb::kAdjust, outcome.status);
    ReplyMove(ctx, status, outcome.delta, outcome.available);
  };
  WaitForItem(ctx);
  switch (outcome.status) {
    case AdjustStatus::kAdjusted:
      return answer("ADJUSTED");
    case AdjustStatus::kShort:
      return answer("SHORT");
    case AdjustStatus::kStale:
      return answer("STALE");
    case AdjustStatus::kHoldMismatch:
      return ReplyRefMismatch(ctx, args[2]);
    case AdjustStatus::kBadQuantity:
      return ctx.reply.Error("BADQTY the supply of " + Quoted(args[1]) + " would leave int64");
  }
}

// A ref that nobody else has: an adjustment moves the SKU's seq, and another process has another
// run id. A client may have taken the name nevertheless: then the next one.
std::string MadeRef(const CommandContext& ctx) {
  std::string ref;
  for (uint64_t number = ctx.item->seq() + 1; ref.empty() || ctx.item->FindRef(ref, ctx.now.now);
       ++number) {
    ref = ctx.shard.server().run_id + '-' + std::to_string(number);
  }
  return ref;
}

void CmdAdjust(CommandContext& ctx, Args args) {
  OptionValue reason, if_available;
  AdjustRequest request;
  StockArguments in(ctx, args);
  in.Options(4, {{"REASON", reason}, {"IF", if_available}, {"CLAMP", request.clamp}});
  request.ref = in.Id(args[2]);
  request.delta = in.Delta(args[3]);
  request.reason = in.Reason(reason);
  if (if_available) request.if_available = in.Integer(*if_available);
  if (!in.Sku()) return;
  std::string made;
  if (request.ref == "*") request.ref = made = MadeRef(ctx);
  const auto decision = DecideAdjust(*ctx.item, request, ctx.shard.limits(), ctx.now);
  if (decision.mutation) {
    if (!ctx.shard.MayGrow()) return ctx.reply.Error(ctx.shard.GrowthRefusal());
    ctx.shard.CommitStock(ctx, *decision.mutation);
  }
  ReplyTo(ctx, args, decision.outcome);
}

void ReplyTo(CommandContext& ctx, Args args, const ReturnOutcome& outcome) {
  WaitForItem(ctx);
  switch (outcome.status) {
    case ReturnStatus::kReturned:
      CountOutcome(ctx, StockVerb::kReturn, outcome.status);
      return ReplyMove(ctx, "RETURNED", outcome.units, outcome.available);
    case ReturnStatus::kNoHold:
      return ReplyNoHold(ctx, args);
    case ReturnStatus::kHoldMismatch:
      return ReplyRefMismatch(ctx, args[3]);
    case ReturnStatus::kBadQuantity:
      return ctx.reply.Error("BADQTY hold " + Quoted(args[2]) +
                             " has not that many units sold and not yet returned");
  }
}

ReturnTarget ReadTarget(StockArguments& in, const OptionValue& word) {
  if (!word || EqualsIgnoreCase(*word, "available")) return ReturnTarget::kAvailable;
  if (!EqualsIgnoreCase(*word, "writeoff")) in.BadSyntax();
  return ReturnTarget::kWriteOff;
}

void CmdReturn(CommandContext& ctx, Args args) {
  OptionValue target;
  bool keep_limit = false;
  StockArguments in(ctx, args);
  in.Options(5, {{"TO", target}, {"KEEPLIMIT", keep_limit}});
  const ReturnRequest request{.hold_id = in.Id(args[2]),
                              .ref = in.Id(args[3]),
                              .units = in.HoldUnits(args[4]),
                              .target = ReadTarget(in, target),
                              .keep_limit = keep_limit};
  if (!in.Sku()) return;
  const auto decision = DecideReturn(*ctx.item, request, ctx.shard.limits(), ctx.now);
  if (decision.mutation) {
    if (!ctx.shard.MayGrow()) return ctx.reply.Error(ctx.shard.GrowthRefusal());
    ctx.shard.CommitStock(ctx, *decision.mutation);
  }
  ReplyTo(ctx, args, decision.outcome);
}

// ---- STOCK.DROP ----

void CmdDrop(CommandContext& ctx, Args args) {
  bool force = false;
  StockArguments in(ctx, args);
  in.Options(2, {{"FORCE", force}});
  if (in.Refused()) return;
  if (ctx.wrong_type) return ctx.reply.Error(kWrongTypeError);
  if (ctx.item == nullptr) return ctx.reply.Raw(kZeroReply);
  const auto decision = DecideDrop(*ctx.item, force, ctx.now);
  if (decision.outcome == DropStatus::kProtected) {
    WaitForItem(ctx);
    return ctx.reply.Error("PROTECTED holds of " + Quoted(args[1]) +
                           " live: let them finish, or drop it with FORCE");
  }
  ctx.shard.DropStock(ctx, *decision.mutation);
  ctx.reply.Raw(kOneReply);
}

// Without kGrows: whether they grow shows after the SKU and the ref were looked up.
constexpr CommandSpec kStockCommands[] = {
    {.name = "STOCK.CREATE",
     .run = CmdCreate,
     .arity = -3,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku units [NX] [LIMIT n] [MAXQTY n] [OPENS ms] [CLOSES ms] [TTL s] [RETAIN s] "
             "[SAFETY n] [PAUSED yes|no]",
     .summary = "Put a SKU on sale with so many units."},
    {.name = "STOCK.SET",
     .run = CmdSet,
     .arity = -4,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku [LIMIT n] [MAXQTY n] [OPENS ms] [CLOSES ms] [TTL s] [RETAIN s] [SAFETY n] "
             "[PAUSED yes|no]",
     .summary = "Change a SKU's options; those not named stay."},
    {.name = "STOCK.ADJUST",
     .run = CmdAdjust,
     .arity = -4,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku ref delta [REASON w] [IF available] [CLAMP]",
     .summary = "Add units to the supply or take some away, once per ref."},
    {.name = "STOCK.RETURN",
     .run = CmdReturn,
     .arity = -5,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold ref units [TO available|writeoff] [KEEPLIMIT]",
     .summary = "Take back units that a confirmed hold sold, once per ref."},
    {.name = "STOCK.DROP",
     .run = CmdDrop,
     .arity = -2,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku [FORCE]",
     .summary = "Remove a SKU and everything remembered of it."},
};

}  // namespace

std::span<const CommandSpec> StockCommands() { return kStockCommands; }

}  // namespace holdfast
