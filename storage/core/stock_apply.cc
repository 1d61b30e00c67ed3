#include "storage/core/stock_apply.h"

#include <memory>
#include <string>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/core/item_change.h"

namespace holdfast {
namespace {

// Within one hold, units are 32 bits: kHoldUnitsMax fits.
uint32_t HoldUnits(Units units) {
  Invariant(units >= 0);
  Invariant(units <= kHoldUnitsMax);
  return static_cast<uint32_t>(units);
}

}  // namespace

void Apply(Item& item, const ItemOptionsSet& set) {
  ItemChange change(item, set.at);
  change.SetOptions(set.options);
  change.Done(0);
}

// With FenceLeft the only place where a hold comes to be.
void Apply(Item& item, const HoldTaken& taken) {
  ItemChange change(item, taken.at);
  HoldPtr hold =
      Hold::Make({.id = taken.hold_id, .buyer = taken.buyer, .meta = taken.meta}, taken.at);
  hold->asked = HoldUnits(taken.asked);
  hold->units = HoldUnits(taken.units);
  change.MoveToHeld(taken.buyer, taken.units);
  if (taken.Confirmed()) {
    hold->state = HoldState::kConfirmed;
    change.MoveToSold(taken.units);
  }
  hold->set_until(taken.Confirmed() ? taken.forget_at : taken.deadline);
  change.Add(std::move(hold));
  change.Done(1);
}

void Apply(Item& item, const HoldConfirmed& confirmed) {
  ItemChange change(item, confirmed.at);
  Hold& hold = change.FindLive(confirmed.hold_id);
  Invariant(confirmed.sold + confirmed.given_back == hold.units);
  hold.units = HoldUnits(confirmed.sold);
  change.MoveToSold(confirmed.sold);
  change.MoveToAvailable(hold.buyer(), confirmed.given_back);
  change.Finish(hold, HoldState::kConfirmed, confirmed.forget_at);
  change.Done(1);
}

void Apply(Item& item, const HoldReclaimed& reclaimed) {
  ItemChange change(item, reclaimed.at);
  Hold& hold = change.Find(reclaimed.hold_id);
  Invariant(hold.state == HoldState::kExpired);
  Invariant(reclaimed.sold + reclaimed.given_back == hold.units);
  hold.units = HoldUnits(reclaimed.sold);
  change.MoveToHeld(hold.buyer(), reclaimed.sold);
  change.MoveToSold(reclaimed.sold);
  change.Finish(hold, HoldState::kConfirmed, reclaimed.forget_at);
  change.Done(1);
}

void Apply(Item& item, const HoldReleased& released) {
  ItemChange change(item, released.at);
  Hold& hold = change.FindLive(released.hold_id);
  change.MoveToAvailable(hold.buyer(), hold.units);
  change.Finish(hold, HoldState::kReleased, released.forget_at, released.reason);
  change.Done(1);
}

void Apply(Item& item, const FenceLeft& left) {
  ItemChange change(item, left.at);
  for (uint32_t i = 0; i < left.evicted; ++i) change.EvictOldestFence();
  HoldPtr fence = Hold::Make({.id = left.hold_id, .reason = left.reason}, left.at);
  fence->state = HoldState::kReleased;
  fence->set_until(left.forget_at);
  change.Add(std::move(fence));
  change.Done(0);
}

void Apply(Item& item, const HoldExtended& extended) {
  ItemChange change(item, extended.at);
  change.Extend(change.FindLive(extended.hold_id), extended.deadline);
  change.Done(1);
}

void Apply(Item& item, const HoldAmended& amended) {
  ItemChange change(item, amended.at);
  Hold& hold = change.FindLive(amended.hold_id);
  const Units more = amended.units - hold.units;
  if (more > 0) {
    change.MoveToHeld(hold.buyer(), more);
  } else {
    change.MoveToAvailable(hold.buyer(), -more);
  }
  hold.units = HoldUnits(amended.units);
  change.Done(1);
}

void Apply(Item& item, const HoldsExpired& expired) {
  ItemChange change(item, expired.at);
  for (uint32_t i = 0; i < expired.count; ++i) {
    Hold& hold = change.FirstLive();
    Invariant(hold.deadline() <= expired.up_to);
    change.MoveToAvailable(hold.buyer(), hold.units);
    change.Finish(hold, HoldState::kExpired, expired.forget_at);
  }
  change.Done(expired.count);
}

void Apply(Item& item, const HoldsForgotten& forgotten) {
  ItemChange change(item, forgotten.at);
  for (uint32_t i = 0; i < forgotten.count; ++i) change.ForgetFirstHold(forgotten.up_to);
  change.Done(0);
}

void Apply(Item& item, const RefsForgotten& forgotten) {
  ItemChange change(item, forgotten.at);
  for (uint32_t i = 0; i < forgotten.count; ++i) change.ForgetFirstRef(forgotten.up_to);
  change.Done(0);
}

void Apply(Item& item, const BuyersCounted& counted) {
  ItemChange change(item, counted.at);
  change.CountBuyers(counted.count);
  change.Done(0);
}

void Apply(Item& item, const StockAdjusted& adjusted) {
  ItemChange change(item, adjusted.at);
  change.Supply(adjusted.applied);
  change.AddRef(std::make_unique<Ref>(Ref{.ref = std::string(adjusted.ref),
                                          .forget_at = adjusted.forget_at,
                                          .asked = adjusted.asked,
                                          .applied = adjusted.applied}));
  change.Done(1);
}

void Apply(Item& item, const StockReturned& returned) {
  ItemChange change(item, returned.at);
  Hold& hold = change.Find(returned.hold_id);
  change.TakeBackSold(hold.buyer(), returned);
  change.Return(hold, HoldUnits(returned.units), returned.keep_limit);
  change.AddRef(std::make_unique<Ref>(Ref{.ref = std::string(returned.ref),
                                          .forget_at = returned.forget_at,
                                          .is_return = true,
                                          .asked = returned.units,
                                          .applied = returned.units,
                                          .hold_id = std::string(returned.hold_id),
                                          .target = returned.target}));
  change.Done(1);
}

// ---- Replay ----

namespace {

template <typename M>
bool DecodeAndApply(Item& item, std::string_view body) {
  ByteReader reader(body);
  const M mutation = M::DecodeBody(reader);
  if (!reader.AtEnd()) return false;
  Apply(item, mutation);
  return true;
}

}  // namespace

bool ApplyStockBody(Item& item, MutationKind kind, std::string_view body) {
  switch (kind) {
    case MutationKind::kItemOptionsSet:
      return DecodeAndApply<ItemOptionsSet>(item, body);
    case MutationKind::kHoldTaken:
      return DecodeAndApply<HoldTaken>(item, body);
    case MutationKind::kHoldConfirmed:
      return DecodeAndApply<HoldConfirmed>(item, body);
    case MutationKind::kHoldReleased:
      return DecodeAndApply<HoldReleased>(item, body);
    case MutationKind::kFenceLeft:
      return DecodeAndApply<FenceLeft>(item, body);
    case MutationKind::kHoldExtended:
      return DecodeAndApply<HoldExtended>(item, body);
    case MutationKind::kHoldAmended:
      return DecodeAndApply<HoldAmended>(item, body);
    case MutationKind::kHoldReclaimed:
      return DecodeAndApply<HoldReclaimed>(item, body);
    case MutationKind::kHoldsExpired:
      return DecodeAndApply<HoldsExpired>(item, body);
    case MutationKind::kHoldsForgotten:
      return DecodeAndApply<HoldsForgotten>(item, body);
    case MutationKind::kStockAdjusted:
      return DecodeAndApply<StockAdjusted>(item, body);
    case MutationKind::kStockReturned:
      return DecodeAndApply<StockReturned>(item, body);
    case MutationKind::kRefsForgotten:
      return DecodeAndApply<RefsForgotten>(item, body);
    case MutationKind::kBuyersCounted:
      return DecodeAndApply<BuyersCounted>(item, body);
    default:
      return false;  // a kind of the keyspace, or of a later version
  }
}

}  // namespace holdfast
