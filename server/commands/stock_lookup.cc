// STOCK.GET, STOCK.AVAIL and STOCK.AUDIT: a SKU's numbers, and whether they are true.
#include <algorithm>

#include "protocol/resp_value.h"
#include "server/commands/keys.h"
#include "server/commands/stock_arguments.h"
#include "server/commands/stock_replies.h"
#include "server/commands/tables.h"
#include "server/server_log.h"
#include "storage/core/audit.h"
#include "storage/core/stock.h"

namespace holdfast {
namespace {

// ---- STOCK.GET ----

std::string_view WordOf(SaleState state) {
  switch (state) {
    case SaleState::kPaused:
      return "paused";
    case SaleState::kEarly:
      return "early";
    case SaleState::kClosed:
      return "closed";
    case SaleState::kSoldOut:
      return "soldout";
    case SaleState::kOpen:
      return "open";
  }
  return {};
}

int64_t SecondsOf(DurationMs span) {
  return std::chrono::duration_cast<std::chrono::seconds>(span).count();
}

// What a field shows: a number, or a word.
struct Field {
  std::string_view name;
  int64_t (*number)(const Item&);
  std::string_view (*word)(const Item&, UnixMs now) = nullptr;
};

constexpr Field kFields[] = {
    {"available", [](const Item& item) { return item.stock().available; }},
    {"sellable", [](const Item& item) { return item.Sellable(); }},
    {"held", [](const Item& item) { return item.stock().held; }},
    {"sold", [](const Item& item) { return item.stock().sold; }},
    {"supplied", [](const Item& item) { return item.stock().supplied; }},
    {"returned", [](const Item& item) { return item.stock().returned; }},
    {"safety", [](const Item& item) { return item.options().safety; }},
    {"holds", [](const Item& item) { return static_cast<int64_t>(item.live_holds()); }},
    {"limit", [](const Item& item) { return item.options().limit; }},
    {"maxqty", [](const Item& item) { return item.options().maxqty; }},
    {"opens", [](const Item& item) { return ToUnixMs(item.options().opens); }},
    {"closes", [](const Item& item) { return ToUnixMs(item.options().closes); }},
    {"ttl", [](const Item& item) { return SecondsOf(item.options().ttl); }},
    {"retain", [](const Item& item) { return SecondsOf(item.options().retain); }},
    {"paused", nullptr,
     [](const Item& item, UnixMs) -> std::string_view {
       return item.options().paused ? "yes" : "no";
     }},
    {"state", nullptr, [](const Item& item, UnixMs now) { return WordOf(SaleStateOf(item, now)); }},
    {"seq", [](const Item& item) { return static_cast<int64_t>(item.seq()); }},
};

// Where there is a lag it belongs to the numbers.
constexpr std::string_view kLag = "lag";

void ReplyLag(CommandContext& ctx) {
  ctx.reply.Integer(LagMs(ctx.shard.server(), ctx.shard.now()));
}

void ReplyField(CommandContext& ctx, const Field& field) {
  field.number != nullptr ? ctx.reply.Integer(field.number(*ctx.item))
                          : ctx.reply.Bulk(field.word(*ctx.item, ctx.now.now));
}

void CmdGet(CommandContext& ctx, Args args) {
  StockArguments in(ctx, args);
  if (!in.Sku()) return;
  WaitForItem(ctx);
  const Args names = args.subspan(2);
  if (names.empty()) {
    const bool follows = ctx.shard.follows();
    ctx.reply.Map(std::size(kFields) + (follows ? 1 : 0));
    for (const Field& field : kFields) {
      ctx.reply.Bulk(field.name);
      ReplyField(ctx, field);
    }
    if (!follows) return;
    ctx.reply.Bulk(kLag);
    return ReplyLag(ctx);
  }
  ctx.reply.Map(names.size());
  for (const std::string_view name : names) {
    ctx.reply.Bulk(name);
    if (EqualsIgnoreCase(name, kLag)) {
      ReplyLag(ctx);
      continue;
    }
    const auto same = [&](const Field& field) { return EqualsIgnoreCase(field.name, name); };
    const Field* const field = std::ranges::find_if(kFields, same);
    field != std::end(kFields) ? ReplyField(ctx, *field) : ctx.reply.Null();
  }
}

// ---- STOCK.AVAIL ----

// For one SKU: [name, sku].
void CmdAvail(CommandContext& ctx, Args args) {
  StockArguments in(ctx, args);
  if (in.Refused()) return;
  if (ctx.item == nullptr) return ctx.reply.Null();
  WaitForItem(ctx);
  ctx.reply.Integer(ctx.item->Sellable());
}

void CombineAvail(RespWriter& reply, std::span<const std::string> parts) {
  const auto is_error = [](const std::string& part) { return part.starts_with('-'); };
  const auto error = std::ranges::find_if(parts, is_error);
  if (error != parts.end()) return reply.Raw(*error);
  reply.Array(parts.size());
  for (const std::string& part : parts) reply.Raw(part);
}

// ---- STOCK.AUDIT ----

struct AuditTotals {
  int64_t items = 0;
  int64_t holds = 0;
  int64_t bad = 0;
  std::string first_bad;
};

void AuditItem(CommandContext& ctx, std::string_view sku, const Item& item, AuditTotals& totals) {
  ctx.WaitForRead(item.any_stamp);
  const AuditReport report = Audit(item);
  ++totals.items;
  totals.holds += static_cast<int64_t>(report.holds);
  if (report.sound()) return;
  if (++totals.bad == 1) totals.first_bad = sku;
  // Not the name: it is the client's bytes, and the reply tells it.
  LogWarning("STOCK.AUDIT found a SKU of slot {} wrong: {}", SlotOf(sku), report.fault);
}

// Every SKU of this shard. What was dropped is told, too: it is missing from the count.
void AuditShard(CommandContext& ctx, AuditTotals& totals) {
  Keyspace& keyspace = ctx.shard.keyspace();
  for (int number = 0; number < kSlots; ++number) {
    const auto slot = static_cast<Slot>(number);
    if (!keyspace.Owns(slot)) continue;
    ctx.WaitForRead(keyspace.gated_stamp(slot));
    keyspace.ForEach(kStockDb, slot, [&](const Entry& entry) {
      if (entry.type() == KeyType::kStock) AuditItem(ctx, entry.key(), entry.item(), totals);
    });
  }
}

void ReplyTotals(RespWriter& reply, const AuditTotals& totals) {
  reply.Map(4);
  reply.Bulk("items");
  reply.Integer(totals.items);
  reply.Bulk("holds");
  reply.Integer(totals.holds);
  reply.Bulk("bad");
  reply.Integer(totals.bad);
  reply.Bulk("first-bad");
  totals.bad > 0 ? reply.Bulk(totals.first_bad) : reply.Null();
}

void CmdAudit(CommandContext& ctx, Args args) {
  AuditTotals totals;
  StockArguments in(ctx, args);
  if (args.size() > 2) in.BadSyntax();
  if (args.size() == 1) {
    if (in.Refused()) return;
    AuditShard(ctx, totals);
  } else {
    if (!in.Sku()) return;
    AuditItem(ctx, args[1], *ctx.item, totals);
  }
  ReplyTotals(ctx.reply, totals);
}

void CombineAudit(RespWriter& reply, std::span<const std::string> parts) {
  AuditTotals totals;
  RespValue value;
  for (const std::string& part : parts) {
    if (part.starts_with('-')) return reply.Raw(part);
    value.Read(part);
    const auto number = [&](std::string_view name) {
      return value.Field(value.root(), name)->integer;
    };
    if (totals.bad == 0) totals.first_bad = value.Field(value.root(), "first-bad")->text;
    totals.items += number("items");
    totals.holds += number("holds");
    totals.bad += number("bad");
  }
  ReplyTotals(reply, totals);
}

constexpr CommandSpec kStockLookupCommands[] = {
    {.name = "STOCK.GET",
     .run = CmdGet,
     .arity = -2,
     .flags = kReadOnly | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku [field ...]",
     .summary = "A SKU's numbers, options and state."},
    {.name = "STOCK.AVAIL",
     .run = CmdAvail,
     .arity = -2,
     .flags = kReadOnly | kFast | kStock,
     .home = Home::kEachKey,
     .keys = {.first = 1, .last = -1, .step = 1},
     .combine = CombineAvail,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku [sku ...]",
     .summary = "How many units of each SKU can be sold now."},
    {.name = "STOCK.AUDIT",
     .run = CmdAudit,
     .arity = -1,
     .flags = kReadOnly | kStock,
     .keys = kFirstKey,
     .combine = CombineAudit,
     .group = "stock",
     .since = "0.1.0",
     .args = "[sku]",
     .summary = "Compute every sum anew from the holds and compare."},
};

}  // namespace

std::span<const CommandSpec> StockLookupCommands() { return kStockLookupCommands; }

}  // namespace holdfast
