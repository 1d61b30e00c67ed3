// Reads the words of a stock command into the ledger's requests. The readers never stop: they note
// what is wrong and give something harmless, so a command reads everything first and then asks
// once, by Sku() or Refused(), which answers in the order that the contract promises:
//
//   syntax (ERR) > another database (ERR) > BADQTY by the number alone > WRONGTYPE > NOSKU
//
//   StockArguments in(ctx, args);
//   in.Options(3, {{"QTY", quantity}});
//   const ConfirmRequest request{.hold_id = in.Id(args[2]), .quantity = in.HoldUnits(quantity)};
//   if (!in.Sku()) return;
//
// On the stack, for one command. Allocates only for an error's text.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "server/command.h"
#include "server/commands/options.h"
#include "storage/base/server_time.h"
#include "storage/core/units.h"

namespace holdfast {

class StockArguments {
 public:
  StockArguments(CommandContext& ctx, Args args) : ctx_(ctx), args_(args) {}

  // Of the words from `first` on.
  void Options(size_t first, std::initializer_list<Option> table) {
    if (args_.size() > first && !ReadOptions(args_.subspan(first), table)) BadSyntax();
  }

  // A hold id or a ref: 1 to 128 bytes.
  std::string_view Id(std::string_view word) {
    if (!IsId(word.size())) BadId();
    return word;
  }
  // A buyer: an id, or "-" for none. Empty: none.
  std::string_view Buyer(const OptionValue& word) {
    return !word || *word == "-" ? std::string_view{} : Id(*word);
  }
  std::string_view Reason(const OptionValue& word);
  std::string_view Meta(const OptionValue& word);

  int64_t Integer(std::string_view word);
  // Of one hold: 1 to 2^31-1.
  Units HoldUnits(std::string_view word) {
    const Units units = Integer(word);
    if (!IsHoldUnits(units)) BadHoldUnits();
    return units;
  }
  std::optional<Units> HoldUnits(const OptionValue& word) {
    return word ? std::optional(HoldUnits(*word)) : std::nullopt;
  }
  // Of a supply or a bound: not negative.
  Units StockUnits(std::string_view word);
  std::optional<Units> StockUnits(const OptionValue& word) {
    return word ? std::optional(StockUnits(*word)) : std::nullopt;
  }
  // Added to a supply: any sign, '+' too.
  Units Delta(std::string_view word);

  // Unix ms; 0 is kNever.
  std::optional<UnixMs> InstantMs(const OptionValue& word);
  // A length that may be 0, the default.
  std::optional<DurationMs> Seconds(const OptionValue& word);
  std::optional<DurationMs> Milliseconds(const OptionValue& word);
  // EX s or PX ms: above 0, not both.
  std::optional<DurationMs> TimeToLive(const OptionValue& seconds, const OptionValue& milliseconds);

  std::optional<bool> YesOrNo(const OptionValue& word);

  // For what only one command reads.
  void BadSyntax() { Note(Trouble::kSyntax); }
  void BadInteger() { Note(Trouble::kInteger); }
  void BadCursor() { Note(Trouble::kCursor); }

  // Answers what is wrong with the words alone; true if something was.
  [[nodiscard]] bool Refused();
  // Answers that, or that there is no SKU; else ctx.item is there.
  [[nodiscard]] bool Sku() {
    const bool fine = trouble_ == Trouble::kNone && ctx_.db == kStockDb && ctx_.item != nullptr;
    return fine || !RefusedSku();
  }

 private:
  // Of several the first one noted is told, but a word that cannot be read comes before a quantity
  // that can, and is out of bounds.
  enum class Trouble : uint8_t {
    kNone,
    kBadHoldUnits,
    kBadStockUnits,
    kSyntax,
    kInteger,
    kId,
    kReason,
    kMeta,
    kTime,
    kInstant,
    kCursor,
  };
  static bool IsQuantity(Trouble trouble) {
    return trouble == Trouble::kBadHoldUnits || trouble == Trouble::kBadStockUnits;
  }

  void BadId() { Note(Trouble::kId); }
  void BadHoldUnits() { Note(Trouble::kBadHoldUnits); }
  void Note(Trouble trouble) {
    if (trouble_ == Trouble::kNone || (IsQuantity(trouble_) && !IsQuantity(trouble)))
      trouble_ = trouble;
  }
  std::optional<DurationMs> Length(const OptionValue& word, int64_t unit_ms, int64_t least);
  void AnswerTrouble();
  bool RefusedSku();

  CommandContext& ctx_;
  const Args args_;
  Trouble trouble_ = Trouble::kNone;
};

}  // namespace holdfast
