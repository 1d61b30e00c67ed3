// The verbs of a hold's life: words to a request of storage/core/holds.h, its outcome to a reply.
#include "storage/core/holds.h"

#include <algorithm>

#include "server/commands/keys.h"
#include "server/commands/stock_arguments.h"
#include "server/commands/stock_replies.h"
#include "server/commands/tables.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// ---- RESERVE, AMEND ----

// Of an answer; empty for misuse.
constexpr std::string_view WordOf(ReserveStatus status) {
  switch (status) {
    case ReserveStatus::kHeld:
      return "HELD";
    case ReserveStatus::kConfirmed:
      return "CONFIRMED";
    case ReserveStatus::kReleased:
      return "RELEASED";
    case ReserveStatus::kExpired:
      return "EXPIRED";
    case ReserveStatus::kSoldOut:
      return "SOLDOUT";
    case ReserveStatus::kShort:
      return "SHORT";
    case ReserveStatus::kLimit:
      return "LIMIT";
    case ReserveStatus::kEarly:
      return "EARLY";
    case ReserveStatus::kClosed:
      return "CLOSED";
    case ReserveStatus::kHoldMismatch:
    case ReserveStatus::kNoHold:
    case ReserveStatus::kNeedBuyer:
    case ReserveStatus::kBadQuantity:
      return {};
  }
  return {};
}

constexpr bool IsRefusal(ReserveStatus status) {
  return status >= ReserveStatus::kSoldOut && status <= ReserveStatus::kClosed;
}
static_assert(static_cast<int>(ReserveStatus::kClosed) < kStatusesMax);

void ReplyMisuse(CommandContext& ctx, Args args, ReserveStatus status) {
  if (status == ReserveStatus::kHoldMismatch) {
    return ctx.reply.Error("HOLDMISMATCH hold " + Quoted(args[2]) +
                           " exists with other units or buyer");
  }
  if (status == ReserveStatus::kNeedBuyer) {
    return ctx.reply.Error("NEEDBUYER " + Quoted(args[1]) +
                           " has a LIMIT per buyer, say whose hold this is with BUYER");
  }
  if (status == ReserveStatus::kBadQuantity) {
    return ctx.reply.Error("BADQTY one hold on " + Quoted(args[1]) + " has at most " +
                           std::to_string(ctx.item->options().maxqty) + " units (MAXQTY)");
  }
  ReplyNoHold(ctx, args);
}

void ReplyTo(CommandContext& ctx, Args args, StockVerb verb, const ReserveOutcome& outcome) {
  IsRefusal(outcome.status) ? WaitForRefusal(ctx) : WaitForItem(ctx);
  const std::string_view word = WordOf(outcome.status);
  if (word.empty()) return ReplyMisuse(ctx, args, outcome.status);
  CountOutcome(ctx, verb, outcome.status);
  ctx.reply.StatusArray(word, {outcome.units, ToUnixMs(outcome.ms), outcome.n});
}

void CmdReserve(CommandContext& ctx, Args args) {
  OptionValue seconds, milliseconds, buyer, meta;
  bool partial = false, final = false;
  StockArguments in(ctx, args);
  in.Options(4, {{"BUYER", buyer},
                 {"EX", seconds},
                 {"PX", milliseconds},
                 {"PARTIAL", partial},
                 {"FINAL", final},
                 {"META", meta}});
  const ReserveRequest request{.hold_id = in.Id(args[2]),
                               .units = in.HoldUnits(args[3]),
                               .buyer = in.Buyer(buyer),
                               .ttl = in.TimeToLive(seconds, milliseconds),
                               .partial = partial,
                               .final = final,
                               .meta = in.Meta(meta)};
  if (!in.Sku()) return;
  const auto decision = DecideReserve(*ctx.item, request, ctx.shard.limits(), ctx.now);
  if (decision.mutation) {
    if (!ctx.shard.MayGrow()) return ctx.reply.Error(ctx.shard.GrowthRefusal());
    ctx.shard.CommitStock(ctx, *decision.mutation);
  }
  ReplyTo(ctx, args, StockVerb::kReserve, decision.outcome);
}

void CmdAmend(CommandContext& ctx, Args args) {
  StockArguments in(ctx, args);
  const AmendRequest request{.hold_id = in.Id(args[2]), .units = in.HoldUnits(args[3])};
  if (!in.Sku()) return;
  const auto decision = DecideAmend(*ctx.item, request, ctx.now);
  if (decision.mutation) {
    const Hold& hold = *ctx.item->FindHold(request.hold_id, ctx.now.now);
    if (request.units > hold.units && !ctx.shard.MayGrow()) {
      return ctx.reply.Error(ctx.shard.GrowthRefusal());
    }
    ctx.shard.CommitStock(ctx, *decision.mutation);
  }
  ReplyTo(ctx, args, StockVerb::kAmend, decision.outcome);
}

// ---- CONFIRM, RELEASE, EXTEND ----

void ReplyState(CommandContext& ctx, std::string_view state, int64_t n) {
  ctx.reply.StatusArray(state, {n});
}

void ReplyTo(CommandContext& ctx, Args args, const ConfirmOutcome& outcome) {
  const auto answer = [&](std::string_view state) {
    CountOutcome(ctx, StockVerb::kConfirm, outcome.status);
    ReplyState(ctx, state, outcome.units);
  };
  WaitForItem(ctx);
  switch (outcome.status) {
    case ConfirmStatus::kConfirmed:
      return answer("CONFIRMED");
    case ConfirmStatus::kExpired:
      return answer("EXPIRED");
    case ConfirmStatus::kReleased:
      return answer("RELEASED");
    case ConfirmStatus::kNoHold:
      return ReplyNoHold(ctx, args);
    case ConfirmStatus::kHoldMismatch:
      return ctx.reply.Error("HOLDMISMATCH hold " + Quoted(args[2]) +
                             " is confirmed already, with another QTY");
    case ConfirmStatus::kBadQuantity:
      return ctx.reply.Error("BADQTY QTY is more than hold " + Quoted(args[2]) + " holds");
  }
}

void CmdConfirm(CommandContext& ctx, Args args) {
  OptionValue quantity;
  bool reclaim = false;
  StockArguments in(ctx, args);
  in.Options(3, {{"QTY", quantity}, {"RECLAIM", reclaim}});
  const ConfirmRequest request{
      .hold_id = in.Id(args[2]), .quantity = in.HoldUnits(quantity), .reclaim = reclaim};
  if (!in.Sku()) return;
  const auto decision = DecideConfirm(*ctx.item, request, ctx.shard.limits(), ctx.now);
  if (decision.mutation) ctx.shard.CommitStock(ctx, *decision.mutation);
  ReplyTo(ctx, args, decision.outcome);
}

constexpr std::string_view WordOf(ReleaseStatus status) {
  switch (status) {
    case ReleaseStatus::kReleased:
      return "RELEASED";
    case ReleaseStatus::kExpired:
      return "EXPIRED";
    case ReleaseStatus::kConfirmed:
      return "CONFIRMED";
  }
  return {};
}

void CmdRelease(CommandContext& ctx, Args args) {
  OptionValue reason;
  StockArguments in(ctx, args);
  in.Options(3, {{"REASON", reason}});
  const ReleaseRequest request{.hold_id = in.Id(args[2]), .reason = in.Reason(reason)};
  if (!in.Sku()) return;
  const auto decision = DecideRelease(*ctx.item, request, ctx.shard.limits(), ctx.now);
  if (decision.mutation) {
    const auto* fence = std::get_if<FenceLeft>(&*decision.mutation);
    if (fence != nullptr && !ctx.shard.MayGrow()) {
      return ctx.reply.Error(ctx.shard.GrowthRefusal());
    }
    if (fence != nullptr) ctx.shard.metrics().fences_dropped.Add(fence->evicted);
    ctx.shard.CommitStock(ctx, *decision.mutation);
  }
  WaitForItem(ctx);
  CountOutcome(ctx, StockVerb::kRelease, decision.outcome.status);
  ReplyState(ctx, WordOf(decision.outcome.status), decision.outcome.units);
}

void ReplyTo(CommandContext& ctx, Args args, const ExtendOutcome& outcome) {
  const auto answer = [&](std::string_view state) {
    CountOutcome(ctx, StockVerb::kExtend, outcome.status);
    ReplyState(ctx, state, ToUnixMs(outcome.deadline));
  };
  WaitForItem(ctx);
  switch (outcome.status) {
    case ExtendStatus::kHeld:
      return answer("HELD");
    case ExtendStatus::kConfirmed:
      return answer("CONFIRMED");
    case ExtendStatus::kReleased:
      return answer("RELEASED");
    case ExtendStatus::kExpired:
      return answer("EXPIRED");
    case ExtendStatus::kNoHold:
      return ReplyNoHold(ctx, args);
  }
}

void CmdExtend(CommandContext& ctx, Args args) {
  OptionValue seconds, milliseconds;
  StockArguments in(ctx, args);
  in.Options(3, {{"EX", seconds}, {"PX", milliseconds}});
  const ExtendRequest request{.hold_id = in.Id(args[2]),
                              .ttl = in.TimeToLive(seconds, milliseconds).value_or(DurationMs{0})};
  if (!in.Sku()) return;
  const auto decision = DecideExtend(*ctx.item, request, ctx.shard.limits(), ctx.now);
  if (decision.mutation) ctx.shard.CommitStock(ctx, *decision.mutation);
  ReplyTo(ctx, args, decision.outcome);
}

RecordWords HoldAhead(Args args) { return {.hold_id = args[2]}; }

RecordWords ReserveAhead(Args args) {
  RecordWords words{.hold_id = args[2]};
  for (size_t at = 4; at + 1 < args.size(); ++at) {
    if (!EqualsIgnoreCase(args[at], "BUYER")) continue;
    words.buyer = args[at + 1];
    break;
  }
  return words;
}

// Without kGrows: whether they grow shows after the hold was looked up.
constexpr CommandSpec kHoldCommands[] = {
    {.name = "RESERVE",
     .run = CmdReserve,
     .arity = -4,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .ahead = ReserveAhead,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold units [EX s|PX ms] [BUYER id] [PARTIAL] [FINAL] [META blob]",
     .summary = "Hold units of a SKU for one buyer until the deadline."},
    {.name = "CONFIRM",
     .run = CmdConfirm,
     .arity = -3,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .ahead = HoldAhead,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold [QTY n] [RECLAIM]",
     .summary = "Sell what a hold holds; with QTY a part, the rest goes back."},
    {.name = "RELEASE",
     .run = CmdRelease,
     .arity = -3,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .ahead = HoldAhead,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold [REASON w]",
     .summary = "Give back what a hold holds; fence off a hold not seen yet."},
    {.name = "EXTEND",
     .run = CmdExtend,
     .arity = 5,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .ahead = HoldAhead,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold EX s|PX ms",
     .summary = "Move a hold's deadline away; never nearer."},
    {.name = "AMEND",
     .run = CmdAmend,
     .arity = 4,
     .flags = kWrite | kFast | kStock,
     .keys = kFirstKey,
     .ahead = HoldAhead,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold units",
     .summary = "Change how many units a hold holds."},
};

}  // namespace

std::span<const CommandSpec> HoldCommands() { return kHoldCommands; }

}  // namespace holdfast
