#include "server/commands/stock_arguments.h"

#include <limits>
#include <string>

#include "server/command_table.h"
#include "server/commands/keys.h"
#include "server/commands/stock_replies.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr int64_t kMsPerSecond = 1000;

}  // namespace

std::string_view StockArguments::Reason(const OptionValue& word) {
  if (word && word->size() > kReasonBytesMax) Note(Trouble::kReason);
  return word.value_or(std::string_view{});
}

std::string_view StockArguments::Meta(const OptionValue& word) {
  if (word && word->size() > kMetaBytesMax) Note(Trouble::kMeta);
  return word.value_or(std::string_view{});
}

int64_t StockArguments::Integer(std::string_view word) {
  const auto value = ParseInt64(word);
  if (!value) BadInteger();
  return value.value_or(0);
}

Units StockArguments::StockUnits(std::string_view word) {
  const Units units = Integer(word);
  if (units < 0) Note(Trouble::kBadStockUnits);
  return units;
}

Units StockArguments::Delta(std::string_view word) {
  if (!word.starts_with('+')) return Integer(word);
  word.remove_prefix(1);
  if (word.starts_with('-')) BadInteger();
  return Integer(word);
}

std::optional<UnixMs> StockArguments::InstantMs(const OptionValue& word) {
  if (!word) return std::nullopt;
  const int64_t ms = Integer(*word);
  if (ms < 0) Note(Trouble::kInstant);
  return FromUnixMs(ms);
}

// A length that would end beyond the last instant is refused like one that is too large to say.
std::optional<DurationMs> StockArguments::Length(const OptionValue& word, int64_t unit_ms,
                                                 int64_t least) {
  if (!word) return std::nullopt;
  const int64_t units = Integer(*word);
  int64_t ms = 0;
  const bool too_long = __builtin_mul_overflow(units, unit_ms, &ms) ||
                        ms > std::numeric_limits<int64_t>::max() - ToUnixMs(ctx_.now.now);
  if (units < least || too_long) {
    Note(Trouble::kTime);
    return std::nullopt;
  }
  return DurationMs{ms};
}

std::optional<DurationMs> StockArguments::Seconds(const OptionValue& word) {
  return Length(word, kMsPerSecond, 0);
}

std::optional<DurationMs> StockArguments::Milliseconds(const OptionValue& word) {
  return Length(word, 1, 0);
}

std::optional<DurationMs> StockArguments::TimeToLive(const OptionValue& seconds,
                                                     const OptionValue& milliseconds) {
  if (seconds && milliseconds) BadSyntax();
  return seconds ? Length(seconds, kMsPerSecond, 1) : Length(milliseconds, 1, 1);
}

std::optional<bool> StockArguments::YesOrNo(const OptionValue& word) {
  if (!word) return std::nullopt;
  const bool yes = EqualsIgnoreCase(*word, "yes");
  if (!yes && !EqualsIgnoreCase(*word, "no")) BadSyntax();
  return yes;
}

void StockArguments::AnswerTrouble() {
  if (trouble_ == Trouble::kNone) return;
  const CommandSpec& row = *Commands().FindName(args_[0]);
  switch (trouble_) {
    case Trouble::kNone:
      return;
    case Trouble::kBadHoldUnits:
      return ctx_.reply.Error("BADQTY units of a hold must be 1 to 2147483647");
    case Trouble::kBadStockUnits:
      return ctx_.reply.Error("BADQTY units and bounds must not be negative");
    case Trouble::kSyntax:
      return ctx_.reply.Error("ERR syntax error, use " + std::string(row.name) + " " +
                              std::string(row.args));
    case Trouble::kInteger:
      return ctx_.reply.Error(kNotIntegerError);
    case Trouble::kId:
      return ctx_.reply.Error("ERR hold ids, buyers and refs must have 1 to 128 bytes");
    case Trouble::kReason:
      return ctx_.reply.Error("ERR REASON must have at most 128 bytes");
    case Trouble::kMeta:
      return ctx_.reply.Error("ERR META must have at most 1024 bytes");
    case Trouble::kTime:
      return ctx_.reply.Error("ERR invalid expire time in '" + LowerCased(row.name) + "' command");
    case Trouble::kInstant:
      return ctx_.reply.Error("ERR OPENS and CLOSES must be Unix ms, or 0 for none");
    case Trouble::kCursor:
      return ctx_.reply.Error("ERR invalid cursor");
  }
}

bool StockArguments::Refused() {
  if (trouble_ != Trouble::kNone && !IsQuantity(trouble_)) {
    AnswerTrouble();
    return true;
  }
  if (ctx_.db != kStockDb) {
    ctx_.reply.Error("ERR stock lives in database 0 only, SELECT 0 first");
    return true;
  }
  AnswerTrouble();
  return trouble_ != Trouble::kNone;
}

bool StockArguments::RefusedSku() {
  if (Refused()) return true;
  if (ctx_.wrong_type) {
    ctx_.reply.Error(kWrongTypeError);
  } else if (ctx_.item == nullptr) {
    ctx_.reply.Error("NOSKU no SKU " + Quoted(args_[1]) + ", make it with STOCK.CREATE");
  }
  return ctx_.item == nullptr;
}

}  // namespace holdfast
