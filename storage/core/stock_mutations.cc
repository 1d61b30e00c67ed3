#include "storage/core/stock_mutations.h"

namespace holdfast {
namespace {

// ---- Writing ----

void AppendInstant(std::string& out, UnixMs instant) { AppendInt(out, ToUnixMs(instant)); }
void AppendHoldUnits(std::string& out, Units units) {
  AppendInt(out, static_cast<uint32_t>(units));
}
void AppendFlag(std::string& out, bool flag) { AppendInt<uint8_t>(out, flag ? 1 : 0); }

void AppendOptions(std::string& out, const ItemOptions& options) {
  AppendInt(out, options.limit);
  AppendInt(out, options.maxqty);
  AppendInt(out, options.safety);
  AppendInstant(out, options.opens);
  AppendInstant(out, options.closes);
  AppendInt<int64_t>(out, options.ttl.count());
  AppendInt<int64_t>(out, options.retain.count());
  AppendFlag(out, options.paused);
}

// ---- Reading: what cannot have been written makes the reader fail ----

void Require(ByteReader& reader, bool holds) {
  if (!holds) reader.Bytes(reader.rest().size() + 1);
}

UnixMs ReadInstant(ByteReader& reader) { return FromUnixMs(reader.Int<int64_t>()); }

Units ReadUnits(ByteReader& reader) {
  const auto units = reader.Int<int64_t>();
  Require(reader, units >= 0);
  return units;
}

Units ReadHoldUnits(ByteReader& reader, Units least = 1) {
  const auto units = Units{reader.Int<uint32_t>()};
  Require(reader, units >= least && units <= kHoldUnitsMax);
  return units;
}

bool ReadFlag(ByteReader& reader) {
  const auto flag = reader.Int<uint8_t>();
  Require(reader, flag <= 1);
  return flag == 1;
}

uint32_t ReadSweepCount(ByteReader& reader) {
  const auto count = reader.Int<uint32_t>();
  Require(reader, count >= 1 && count <= kSweepMax);
  return count;
}

std::string_view ReadWord(ByteReader& reader, size_t bytes_max) {
  const std::string_view word = reader.Word();
  Require(reader, word.size() <= bytes_max);
  return word;
}

std::string_view ReadId(ByteReader& reader) {
  const std::string_view id = reader.Word();
  Require(reader, IsId(id.size()));
  return id;
}

ItemOptions ReadOptions(ByteReader& reader) {
  ItemOptions options;
  options.limit = ReadUnits(reader);
  options.maxqty = ReadUnits(reader);
  options.safety = ReadUnits(reader);
  options.opens = ReadInstant(reader);
  options.closes = ReadInstant(reader);
  options.ttl = DurationMs{reader.Int<int64_t>()};
  options.retain = DurationMs{reader.Int<int64_t>()};
  options.paused = ReadFlag(reader);
  return options;
}

// Several kinds share a shape; they stay different types, for they are different facts.

template <typename M>
void EncodeSale(std::string& out, const M& sale) {
  AppendInstant(out, sale.at);
  AppendHoldUnits(out, sale.sold);
  AppendHoldUnits(out, sale.given_back);
  AppendInstant(out, sale.forget_at);
  AppendWord(out, sale.hold_id);
}

template <typename M>
M DecodeSale(ByteReader& reader) {
  M sale;
  sale.at = ReadInstant(reader);
  sale.sold = ReadHoldUnits(reader);
  sale.given_back = ReadHoldUnits(reader, 0);
  sale.forget_at = ReadInstant(reader);
  sale.hold_id = ReadId(reader);
  return sale;
}

template <typename M>
void EncodeForgotten(std::string& out, const M& forgotten) {
  AppendInstant(out, forgotten.at);
  AppendInstant(out, forgotten.up_to);
  AppendInt(out, forgotten.count);
}

template <typename M>
M DecodeForgotten(ByteReader& reader) {
  M forgotten;
  forgotten.at = ReadInstant(reader);
  forgotten.up_to = ReadInstant(reader);
  forgotten.count = ReadSweepCount(reader);
  return forgotten;
}

}  // namespace

void ItemCreated::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInt(out, units);
  AppendOptions(out, options);
}

ItemCreated ItemCreated::DecodeBody(ByteReader& reader) {
  ItemCreated created;
  created.at = ReadInstant(reader);
  created.units = ReadUnits(reader);
  created.options = ReadOptions(reader);
  return created;
}

void ItemDropped::EncodeBody(std::string& out) const { AppendInstant(out, at); }

ItemDropped ItemDropped::DecodeBody(ByteReader& reader) { return {.at = ReadInstant(reader)}; }

void ItemOptionsSet::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendOptions(out, options);
}

ItemOptionsSet ItemOptionsSet::DecodeBody(ByteReader& reader) {
  ItemOptionsSet set;
  set.at = ReadInstant(reader);
  set.options = ReadOptions(reader);
  return set;
}

void HoldTaken::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendHoldUnits(out, asked);
  AppendHoldUnits(out, units);
  AppendFlag(out, Confirmed());
  AppendInstant(out, Confirmed() ? forget_at : deadline);
  AppendWord(out, hold_id);
  AppendWord(out, buyer);
  AppendWord(out, meta);
}

HoldTaken HoldTaken::DecodeBody(ByteReader& reader) {
  HoldTaken taken;
  taken.at = ReadInstant(reader);
  taken.asked = ReadHoldUnits(reader);
  taken.units = ReadHoldUnits(reader);
  const bool confirmed = ReadFlag(reader);
  (confirmed ? taken.forget_at : taken.deadline) = ReadInstant(reader);
  taken.hold_id = ReadId(reader);
  taken.buyer = ReadWord(reader, kIdBytesMax);
  taken.meta = ReadWord(reader, kMetaBytesMax);
  Require(reader, taken.units <= taken.asked);
  Require(reader, taken.Confirmed() == confirmed);
  return taken;
}

void HoldConfirmed::EncodeBody(std::string& out) const { EncodeSale(out, *this); }

HoldConfirmed HoldConfirmed::DecodeBody(ByteReader& reader) {
  return DecodeSale<HoldConfirmed>(reader);
}

void HoldReclaimed::EncodeBody(std::string& out) const { EncodeSale(out, *this); }

HoldReclaimed HoldReclaimed::DecodeBody(ByteReader& reader) {
  return DecodeSale<HoldReclaimed>(reader);
}

void HoldReleased::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInstant(out, forget_at);
  AppendWord(out, hold_id);
  AppendWord(out, reason);
}

HoldReleased HoldReleased::DecodeBody(ByteReader& reader) {
  HoldReleased released;
  released.at = ReadInstant(reader);
  released.forget_at = ReadInstant(reader);
  released.hold_id = ReadId(reader);
  released.reason = ReadWord(reader, kReasonBytesMax);
  return released;
}

void FenceLeft::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInstant(out, forget_at);
  AppendInt(out, evicted);
  AppendWord(out, hold_id);
  AppendWord(out, reason);
}

FenceLeft FenceLeft::DecodeBody(ByteReader& reader) {
  FenceLeft left;
  left.at = ReadInstant(reader);
  left.forget_at = ReadInstant(reader);
  left.evicted = reader.Int<uint32_t>();
  left.hold_id = ReadId(reader);
  left.reason = ReadWord(reader, kReasonBytesMax);
  Require(reader, left.evicted <= kSweepMax);
  return left;
}

void HoldExtended::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInstant(out, deadline);
  AppendWord(out, hold_id);
}

HoldExtended HoldExtended::DecodeBody(ByteReader& reader) {
  HoldExtended extended;
  extended.at = ReadInstant(reader);
  extended.deadline = ReadInstant(reader);
  extended.hold_id = ReadId(reader);
  return extended;
}

void HoldAmended::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendHoldUnits(out, units);
  AppendWord(out, hold_id);
}

HoldAmended HoldAmended::DecodeBody(ByteReader& reader) {
  HoldAmended amended;
  amended.at = ReadInstant(reader);
  amended.units = ReadHoldUnits(reader);
  amended.hold_id = ReadId(reader);
  return amended;
}

void HoldsExpired::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInstant(out, up_to);
  AppendInt(out, count);
  AppendInstant(out, forget_at);
}

HoldsExpired HoldsExpired::DecodeBody(ByteReader& reader) {
  HoldsExpired expired;
  expired.at = ReadInstant(reader);
  expired.up_to = ReadInstant(reader);
  expired.count = ReadSweepCount(reader);
  expired.forget_at = ReadInstant(reader);
  return expired;
}

void HoldsForgotten::EncodeBody(std::string& out) const { EncodeForgotten(out, *this); }

HoldsForgotten HoldsForgotten::DecodeBody(ByteReader& reader) {
  return DecodeForgotten<HoldsForgotten>(reader);
}

void RefsForgotten::EncodeBody(std::string& out) const { EncodeForgotten(out, *this); }

RefsForgotten RefsForgotten::DecodeBody(ByteReader& reader) {
  return DecodeForgotten<RefsForgotten>(reader);
}

void BuyersCounted::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInt(out, count);
}

BuyersCounted BuyersCounted::DecodeBody(ByteReader& reader) {
  BuyersCounted counted;
  counted.at = ReadInstant(reader);
  counted.count = ReadSweepCount(reader);
  return counted;
}

void StockAdjusted::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendInt(out, asked);
  AppendInt(out, applied);
  AppendInstant(out, forget_at);
  AppendWord(out, ref);
  AppendWord(out, reason);
}

StockAdjusted StockAdjusted::DecodeBody(ByteReader& reader) {
  StockAdjusted adjusted;
  adjusted.at = ReadInstant(reader);
  adjusted.asked = reader.Int<int64_t>();
  adjusted.applied = reader.Int<int64_t>();
  adjusted.forget_at = ReadInstant(reader);
  adjusted.ref = ReadId(reader);
  adjusted.reason = ReadWord(reader, kReasonBytesMax);
  return adjusted;
}

void StockReturned::EncodeBody(std::string& out) const {
  AppendInstant(out, at);
  AppendHoldUnits(out, units);
  AppendInt(out, static_cast<uint8_t>(target));
  AppendFlag(out, keep_limit);
  AppendInstant(out, forget_at);
  AppendWord(out, hold_id);
  AppendWord(out, ref);
}

StockReturned StockReturned::DecodeBody(ByteReader& reader) {
  StockReturned returned;
  returned.at = ReadInstant(reader);
  returned.units = ReadHoldUnits(reader);
  returned.target = ReadFlag(reader) ? ReturnTarget::kWriteOff : ReturnTarget::kAvailable;
  returned.keep_limit = ReadFlag(reader);
  returned.forget_at = ReadInstant(reader);
  returned.hold_id = ReadId(reader);
  returned.ref = ReadId(reader);
  return returned;
}

}  // namespace holdfast
