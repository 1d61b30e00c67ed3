// HOLD.GET and HOLD.LIST: holds as people and reports look at them.
#include <algorithm>
#include <array>
#include <vector>

#include "server/commands/keys.h"
#include "server/commands/stock_arguments.h"
#include "server/commands/stock_replies.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// What one step of HOLD.LIST looks at; a larger COUNT is answered in more steps, so that no turn
// stalls behind it.
constexpr int64_t kListCountDefault = 10;
constexpr int64_t kListCountMax = 10'000;

// A cursor is a hash, of which only the top kScanPrefixBits are ever set.
constexpr int kCursorShift = 64 - kScanPrefixBits;

constexpr std::array<std::string_view, 4> kStateWords{"HELD", "CONFIRMED", "RELEASED", "EXPIRED"};

std::string_view WordOf(HoldState state) { return kStateWords[static_cast<size_t>(state)]; }

void CmdHoldGet(CommandContext& ctx, Args args) {
  StockArguments in(ctx, args);
  const std::string_view hold_id = in.Id(args[2]);
  if (!in.Sku()) return;
  WaitForItem(ctx);
  const Hold* const hold = ctx.item->FindHold(hold_id, ctx.now.now);
  if (hold == nullptr) return ctx.reply.Null();
  const HoldWords words = hold->words();
  RespWriter& reply = ctx.reply;
  const auto integer = [&](std::string_view name, int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  const auto word = [&](std::string_view name, std::string_view value) {
    reply.Bulk(name);
    ReplyBulkOrNull(reply, value);
  };
  reply.Map(10);
  word("hold", words.id);
  word("state", WordOf(hold->state));
  integer("units", hold->units);
  integer("asked", hold->asked);
  integer("returned", hold->returns().units);
  word("buyer", words.buyer);
  integer("deadline", ToUnixMs(hold->deadline()));
  integer("made", ToUnixMs(hold->made()));
  word("meta", words.meta);
  word("reason", words.reason);
}

struct HoldFilter {
  std::optional<HoldState> state;
  std::optional<std::string_view> buyer;  // empty: holds without one
  std::optional<UnixMs> due_until;        // live ones only

  bool Fits(const Hold& hold) const {
    if (state && hold.state != *state) return false;
    if (buyer && hold.buyer() != *buyer) return false;
    return !due_until || (hold.IsLive() && hold.deadline() <= *due_until);
  }
};

std::optional<HoldState> ReadState(StockArguments& in, const OptionValue& word) {
  if (!word) return std::nullopt;
  const auto same = [&](std::string_view state) { return EqualsIgnoreCase(*word, state); };
  const auto found = std::ranges::find_if(kStateWords, same);
  if (found == kStateWords.end()) in.BadSyntax();
  return static_cast<HoldState>(found - kStateWords.begin());
}

// COUNT, at least 1.
size_t ReadCount(StockArguments& in, const OptionValue& word) {
  const int64_t count = word ? in.Integer(*word) : kListCountDefault;
  if (count < 1) in.BadInteger();
  return static_cast<size_t>(std::clamp<int64_t>(count, 1, kListCountMax));
}

uint64_t ReadCursor(StockArguments& in, const OptionValue& word) {
  const auto cursor = ParseUint64(word.value_or("0"));
  if (!cursor || *cursor >> kScanPrefixBits != 0) in.BadCursor();
  return cursor.value_or(0) << kCursorShift;
}

void ReplyHold(RespWriter& reply, const Hold& hold) {
  reply.Array(5);
  reply.Bulk(hold.id());
  reply.Bulk(WordOf(hold.state));
  reply.Integer(hold.units);
  ReplyBulkOrNull(reply, hold.buyer());
  reply.Integer(ToUnixMs(hold.deadline()));
}

void CmdHoldList(CommandContext& ctx, Args args) {
  OptionValue state, buyer, expiring, cursor, count_word;
  StockArguments in(ctx, args);
  in.Options(2, {{"STATE", state},
                 {"BUYER", buyer},
                 {"EXPIRING", expiring},
                 {"CURSOR", cursor},
                 {"COUNT", count_word}});
  HoldFilter filter{.state = ReadState(in, state), .buyer = {}, .due_until = {}};
  if (buyer) filter.buyer = in.Buyer(buyer);
  if (const auto span = in.Milliseconds(expiring)) filter.due_until = ctx.now.now + *span;
  const size_t count = ReadCount(in, count_word);
  const uint64_t from = ReadCursor(in, cursor);
  if (!in.Sku()) return;
  WaitForItem(ctx);
  std::vector<const Hold*> page;
  const uint64_t next = ctx.item->ScanHolds(from, count, ctx.now.now, [&](const Hold& hold) {
    if (filter.Fits(hold)) page.push_back(&hold);
  });
  ctx.reply.Array(2);
  ctx.reply.Bulk(std::to_string(next >> kCursorShift));
  ctx.reply.Array(page.size());
  for (const Hold* hold : page) ReplyHold(ctx.reply, *hold);
}

constexpr CommandSpec kHoldLookupCommands[] = {
    {.name = "HOLD.GET",
     .run = CmdHoldGet,
     .arity = 3,
     .flags = kReadOnly | kFast | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku hold",
     .summary = "Everything about one hold, finished ones too while they are remembered."},
    {.name = "HOLD.LIST",
     .run = CmdHoldList,
     .arity = -2,
     .flags = kReadOnly | kStock,
     .keys = kFirstKey,
     .group = "stock",
     .since = "0.1.0",
     .args = "sku [STATE s] [BUYER b] [EXPIRING ms] [CURSOR c] [COUNT n]",
     .summary = "A SKU's holds, page by page, in no order."},
};

}  // namespace

std::span<const CommandSpec> HoldLookupCommands() { return kHoldLookupCommands; }

}  // namespace holdfast
