#include "storage/core/stock.h"

#include <algorithm>
#include <limits>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

ItemOptions Changed(ItemOptions options, const OptionsChange& change) {
  options.limit = change.limit.value_or(options.limit);
  options.maxqty = change.maxqty.value_or(options.maxqty);
  options.safety = change.safety.value_or(options.safety);
  options.opens = change.opens.value_or(options.opens);
  options.closes = change.closes.value_or(options.closes);
  options.ttl = change.ttl.value_or(options.ttl);
  options.retain = change.retain.value_or(options.retain);
  options.paused = change.paused.value_or(options.paused);
  return options;
}

bool IsWindow(const ItemOptions& options) {
  if (options.opens == kNever || options.closes == kNever) return true;
  return options.opens < options.closes;
}

}  // namespace

// ---- STOCK.CREATE, STOCK.SET ----

CreateDecision DecideCreate(Units units, const OptionsChange& options, Instant instant) {
  Invariant(units >= 0);
  const ItemOptions all = Changed({}, options);
  if (!IsWindow(all)) return {OptionsStatus::kBadWindow};
  return {OptionsStatus::kOk, ItemCreated{.at = instant.now, .units = units, .options = all}};
}

SetDecision DecideSet(const Item& item, const OptionsChange& change, Instant instant) {
  Invariant(!HasDue(item, instant));
  const ItemOptions all = Changed(item.options(), change);
  if (!IsWindow(all)) return {OptionsStatus::kBadWindow};
  if (all == item.options()) return {OptionsStatus::kOk};
  return {OptionsStatus::kOk, ItemOptionsSet{.at = instant.now, .options = all}};
}

// ---- STOCK.ADJUST ----

AdjustDecision DecideAdjust(const Item& item, const AdjustRequest& request,
                            const LedgerLimits& limits, Instant instant) {
  using enum AdjustStatus;
  Invariant(!HasDue(item, instant));
  const Units available = item.stock().available;
  if (const Ref* const ref = item.FindRef(request.ref, instant.now)) {
    if (ref->is_return || ref->asked != request.delta) return {{.status = kHoldMismatch}};
    return {{.status = kAdjusted, .delta = ref->applied, .available = available}};
  }
  if (request.if_available.value_or(available) != available) {
    return {{.status = kStale, .available = available}};
  }
  const bool too_few = request.delta < -available;
  if (too_few && !request.clamp) return {{.status = kShort, .available = available}};
  if (request.delta > std::numeric_limits<Units>::max() - item.stock().supplied) {
    return {{.status = kBadQuantity}};
  }
  const Units applied = too_few ? -available : request.delta;
  return {{.status = kAdjusted, .delta = applied, .available = available + applied},
          StockAdjusted{.at = instant.now,
                        .ref = request.ref,
                        .reason = request.reason,
                        .asked = request.delta,
                        .applied = applied,
                        .forget_at = ForgetAt(item.options(), limits, instant.now)}};
}

// ---- STOCK.RETURN ----

ReturnDecision DecideReturn(const Item& item, const ReturnRequest& request,
                            const LedgerLimits& limits, Instant instant) {
  using enum ReturnStatus;
  Invariant(!HasDue(item, instant));
  Invariant(IsHoldUnits(request.units));
  Units available = item.stock().available;
  if (const Ref* const ref = item.FindRef(request.ref, instant.now)) {
    const bool same = ref->is_return && ref->asked == request.units &&
                      ref->hold_id == request.hold_id && ref->target == request.target;
    if (!same) return {{.status = kHoldMismatch}};
    return {{.status = kReturned, .units = request.units, .available = available}};
  }
  const Hold* const hold = item.FindHold(request.hold_id, instant.now);
  if (hold == nullptr) return {{.status = kNoHold}};
  if (request.units > hold->SoldUnits()) return {{.status = kBadQuantity}};
  if (request.target == ReturnTarget::kAvailable) available += request.units;
  return {{.status = kReturned, .units = request.units, .available = available},
          StockReturned{.at = instant.now,
                        .hold_id = request.hold_id,
                        .ref = request.ref,
                        .units = request.units,
                        .target = request.target,
                        .keep_limit = request.keep_limit,
                        .forget_at = ForgetAt(item.options(), limits, instant.now)}};
}

// ---- STOCK.DROP ----

DropDecision DecideDrop(const Item& item, bool force, Instant instant) {
  Invariant(!HasDue(item, instant));
  if (item.live_holds() > 0 && !force) return {DropStatus::kProtected};
  return {DropStatus::kDropped, ItemDropped{.at = instant.now}};
}

// ---- Sweeps ----

std::optional<CountSlice> DecideCountBuyers(const Item& item, Instant instant, uint32_t most) {
  Invariant(most <= kSweepMax);
  if (!item.counting()) return std::nullopt;
  const UnixMs since = item.counting_since();
  if (const uint32_t old = item.CountForgottenHolds(since, most)) {
    return HoldsForgotten{.at = instant.now, .up_to = since, .count = old};
  }
  return BuyersCounted{.at = instant.now, .count = most};
}

std::optional<HoldsExpired> DecideSettle(const Item& item, const LedgerLimits& limits,
                                         Instant instant, uint32_t most) {
  Invariant(most <= kSweepMax);
  Invariant(!item.counting());
  const uint32_t count = item.CountDue(instant.due, most);
  if (count == 0) return std::nullopt;
  return HoldsExpired{.at = instant.now,
                      .up_to = instant.due,
                      .count = count,
                      .forget_at = ForgetAt(item.options(), limits, instant.now)};
}

std::optional<HoldsForgotten> DecideForgetHolds(const Item& item, Instant instant, uint32_t most) {
  Invariant(most <= kSweepMax);
  const uint32_t count = item.CountForgottenHolds(instant.now, most);
  if (count == 0) return std::nullopt;
  return HoldsForgotten{.at = instant.now, .up_to = instant.now, .count = count};
}

std::optional<RefsForgotten> DecideForgetRefs(const Item& item, Instant instant, uint32_t most) {
  Invariant(most <= kSweepMax);
  const uint32_t count = item.CountForgottenRefs(instant.now, most);
  if (count == 0) return std::nullopt;
  return RefsForgotten{.at = instant.now, .up_to = instant.now, .count = count};
}

// ---- STOCK.GET ----

SaleState SaleStateOf(const Item& item, UnixMs now) {
  const ItemOptions& options = item.options();
  if (options.paused) return SaleState::kPaused;
  if (now < options.opens) return SaleState::kEarly;
  if (options.closes != kNever && now >= options.closes) return SaleState::kClosed;
  return item.Sellable() == 0 ? SaleState::kSoldOut : SaleState::kOpen;
}

}  // namespace holdfast
