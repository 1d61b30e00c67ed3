#include "storage/core/holds.h"

#include <algorithm>

#include "storage/base/invariant.h"
#include "storage/core/stock.h"

namespace holdfast {
namespace {

ReserveStatus StatusOf(HoldState state) {
  switch (state) {
    case HoldState::kHeld:
      return ReserveStatus::kHeld;
    case HoldState::kConfirmed:
      return ReserveStatus::kConfirmed;
    case HoldState::kReleased:
      return ReserveStatus::kReleased;
    case HoldState::kExpired:
      return ReserveStatus::kExpired;
  }
  Invariant(false);
  return {};
}

// A hold as RESERVE and AMEND tell it: what is in hand now.
ReserveOutcome OutcomeOf(const Hold& hold, Units sellable) {
  const bool in_hand = hold.state == HoldState::kHeld || hold.state == HoldState::kConfirmed;
  return {.status = StatusOf(hold.state),
          .units = in_hand ? Units{hold.units} : 0,
          .ms = hold.deadline(),
          .n = sellable};
}

// What a buyer may still take. A LIMIT lowered later leaves some above it: they may take nothing.
Units RestOf(const Item& item, std::string_view buyer) {
  if (item.options().limit == 0) return kHoldUnitsMax;
  return std::max<Units>(0, item.options().limit - item.UseOf(buyer));
}

// Units that somebody wants beyond what they hold: a whole new hold, or what an AMEND adds to one.
struct Demand {
  Units units;
  Units hold_units;  // with what is held already: MAXQTY bounds a hold, not a request
  std::string_view buyer;
  bool partial;
};

// What the demand gets, or why it gets nothing.
struct Grant {
  Units units = 0;
  std::optional<ReserveOutcome> refusal = std::nullopt;
};

Grant Refused(ReserveOutcome refusal) { return {.refusal = refusal}; }

// The guards of RESERVE and AMEND, in the promised order. Allocates nothing: refusals are 99 % of a
// sale.
Grant Judge(const Item& item, const Demand& demand, UnixMs now) {
  using enum ReserveStatus;
  const ItemOptions& options = item.options();
  const Units sellable = item.Sellable();
  if (options.paused || (options.closes != kNever && now >= options.closes)) {
    return Refused({.status = kClosed, .ms = options.closes, .n = sellable});
  }
  if (now < options.opens) return Refused({.status = kEarly, .ms = options.opens, .n = sellable});
  if (options.maxqty > 0 && demand.hold_units > options.maxqty) {
    return Refused({.status = kBadQuantity});
  }
  if (options.limit > 0 && demand.buyer.empty()) return Refused({.status = kNeedBuyer});
  const Units least = demand.partial ? 1 : demand.units;
  const Units rest = RestOf(item, demand.buyer);
  if (rest < least) return Refused({.status = kLimit, .n = rest});
  if (sellable == 0) return Refused({.status = kSoldOut});
  if (sellable < least) return Refused({.status = kShort, .n = sellable});
  return {.units = std::min({demand.units, rest, sellable})};
}

DurationMs TtlOf(const Item& item, const ReserveRequest& request, const LedgerLimits& limits) {
  const DurationMs sku_ttl = item.options().ttl;
  const DurationMs ttl = sku_ttl > DurationMs{0} ? sku_ttl : limits.ttl_default;
  return std::min(request.ttl.value_or(ttl), limits.hold_life_max);
}

}  // namespace

ReserveDecision DecideReserve(const Item& item, const ReserveRequest& request,
                              const LedgerLimits& limits, Instant instant) {
  Invariant(!HasDue(item, instant));
  Invariant(IsHoldUnits(request.units));
  if (const Hold* const hold = item.FindHold(request.hold_id, instant.now)) {
    // First of all: a retry after a lost reply takes no second unit, even if the SKU has closed or
    // sold out. It must ask what was asked first, and hears the state now.
    const bool same = hold->asked == request.units && hold->buyer() == request.buyer;
    if (!same && !hold->IsFence()) return {{.status = ReserveStatus::kHoldMismatch}};
    return {OutcomeOf(*hold, item.Sellable())};
  }
  const Grant grant = Judge(item,
                            {.units = request.units,
                             .hold_units = request.units,
                             .buyer = request.buyer,
                             .partial = request.partial},
                            instant.now);
  if (grant.refusal) return {*grant.refusal};
  HoldTaken taken{.at = instant.now,
                  .hold_id = request.hold_id,
                  .buyer = request.buyer,
                  .meta = request.meta,
                  .asked = request.units,
                  .units = grant.units};
  if (request.final) {
    taken.forget_at = ForgetAt(item.options(), limits, instant.now);
  } else {
    taken.deadline = After(instant.now, TtlOf(item, request, limits));
  }
  const ReserveStatus status = request.final ? ReserveStatus::kConfirmed : ReserveStatus::kHeld;
  return {{.status = status,
           .units = taken.units,
           .ms = taken.deadline,
           .n = item.Sellable() - taken.units},
          taken};
}

AmendDecision DecideAmend(const Item& item, const AmendRequest& request, Instant instant) {
  Invariant(!HasDue(item, instant));
  Invariant(IsHoldUnits(request.units));
  const Hold* const hold = item.FindHold(request.hold_id, instant.now);
  if (hold == nullptr) return {{.status = ReserveStatus::kNoHold}};
  ReserveOutcome outcome = OutcomeOf(*hold, item.Sellable());
  const Units more = request.units - hold->units;
  if (!hold->IsLive() || more == 0) return {outcome};
  if (more > 0) {
    const Grant grant = Judge(
        item,
        {.units = more, .hold_units = request.units, .buyer = hold->buyer(), .partial = false},
        instant.now);
    if (grant.refusal) {
      outcome = *grant.refusal;
      outcome.units = hold->units;
      return {outcome};
    }
  }
  outcome.units = request.units;
  // What goes back may fill up the safety stock first: sellable is not just `more` less.
  outcome.n = std::max<Units>(0, item.stock().available - more - item.options().safety);
  return {outcome,
          HoldAmended{.at = instant.now, .hold_id = request.hold_id, .units = request.units}};
}

namespace {

// Whether an expired hold may have its units again. A hold without a buyer has no buyer's limit.
bool CanReclaim(const Item& item, const Hold& hold) {
  if (item.Sellable() < hold.units) return false;
  return hold.buyer().empty() || RestOf(item, hold.buyer()) >= hold.units;
}

template <typename Sale>
ConfirmDecision Sell(const Hold& hold, const ConfirmRequest& request, Instant instant,
                     UnixMs forget_at) {
  const Units sold = request.quantity.value_or(hold.units);
  if (sold > hold.units) return {{.status = ConfirmStatus::kBadQuantity}};
  return {{.status = ConfirmStatus::kConfirmed, .units = sold},
          Sale{.at = instant.now,
               .hold_id = request.hold_id,
               .sold = sold,
               .given_back = hold.units - sold,
               .forget_at = forget_at}};
}

}  // namespace

ConfirmDecision DecideConfirm(const Item& item, const ConfirmRequest& request,
                              const LedgerLimits& limits, Instant instant) {
  using enum ConfirmStatus;
  Invariant(!HasDue(item, instant));
  Invariant(IsHoldUnits(request.quantity.value_or(1)));
  const Hold* const hold = item.FindHold(request.hold_id, instant.now);
  if (hold == nullptr) return {{.status = kNoHold}};
  const UnixMs forget_at = ForgetAt(item.options(), limits, instant.now);
  switch (hold->state) {
    case HoldState::kHeld:
      return Sell<HoldConfirmed>(*hold, request, instant, forget_at);
    case HoldState::kConfirmed:
      if (request.quantity.value_or(hold->units) != hold->units) {
        return {{.status = kHoldMismatch}};
      }
      return {{.status = kConfirmed, .units = hold->units}};
    case HoldState::kReleased:
      return {{.status = kReleased}};
    case HoldState::kExpired:
      if (!request.reclaim) return {{.status = kExpired}};
      if (request.quantity.value_or(1) > hold->units) return {{.status = kBadQuantity}};
      if (!CanReclaim(item, *hold)) return {{.status = kExpired}};
      return Sell<HoldReclaimed>(*hold, request, instant, forget_at);
  }
  Invariant(false);
  return {};
}

namespace {

// A fence for an id not seen yet, and room for it.
ReleaseDecision LeaveFence(const Item& item, const ReleaseRequest& request,
                           const LedgerLimits& limits, Instant instant) {
  const ReleaseOutcome outcome{.status = ReleaseStatus::kReleased};
  if (limits.fence_max == 0) return {outcome};
  const size_t too_many = item.fences() - std::min<size_t>(item.fences(), limits.fence_max - 1);
  return {outcome,
          FenceLeft{.at = instant.now,
                    .hold_id = request.hold_id,
                    .reason = request.reason,
                    .evicted = static_cast<uint32_t>(std::min<size_t>(too_many, kSweepMax)),
                    .forget_at = ForgetAt(item.options(), limits, instant.now)}};
}

}  // namespace

ReleaseDecision DecideRelease(const Item& item, const ReleaseRequest& request,
                              const LedgerLimits& limits, Instant instant) {
  using enum ReleaseStatus;
  Invariant(!HasDue(item, instant));
  const Hold* const hold = item.FindHold(request.hold_id, instant.now);
  if (hold == nullptr) return LeaveFence(item, request, limits, instant);
  switch (hold->state) {
    case HoldState::kHeld:
      return {{.status = kReleased, .units = hold->units},
              HoldReleased{.at = instant.now,
                           .hold_id = request.hold_id,
                           .reason = request.reason,
                           .forget_at = ForgetAt(item.options(), limits, instant.now)}};
    case HoldState::kReleased:
      return {{.status = kReleased, .units = hold->units}};
    case HoldState::kExpired:
      return {{.status = kExpired, .units = hold->units}};
    case HoldState::kConfirmed:
      return {{.status = kConfirmed}};
  }
  Invariant(false);
  return {};
}

ExtendDecision DecideExtend(const Item& item, const ExtendRequest& request,
                            const LedgerLimits& limits, Instant instant) {
  using enum ExtendStatus;
  Invariant(!HasDue(item, instant));
  const Hold* const hold = item.FindHold(request.hold_id, instant.now);
  if (hold == nullptr) return {{.status = kNoHold}};
  switch (hold->state) {
    case HoldState::kConfirmed:
      return {{.status = kConfirmed}};
    case HoldState::kReleased:
      return {{.status = kReleased}};
    case HoldState::kExpired:
      return {{.status = kExpired}};
    case HoldState::kHeld:
      break;
  }
  // The cap first, the old deadline last: a hold-max-life lowered meanwhile shortens nobody's hold.
  const UnixMs asked = After(instant.now, request.ttl);
  const UnixMs last = After(hold->made(), limits.hold_life_max);
  const UnixMs deadline = std::max(hold->deadline(), std::min(asked, last));
  const ExtendOutcome outcome{.status = kHeld, .deadline = deadline};
  if (deadline == hold->deadline()) return {outcome};
  return {outcome,
          HoldExtended{.at = instant.now, .hold_id = request.hold_id, .deadline = deadline}};
}

}  // namespace holdfast
