#include "tests/unit/core/ledger_model.h"

#include <algorithm>
#include <limits>

#include "storage/core/holds.h"

namespace holdfast {
namespace {

constexpr Units kNoLimit = std::numeric_limits<Units>::max();

std::string Line(const std::string& word, Units a) { return word + ' ' + std::to_string(a); }
std::string Line(const std::string& word, Units a, Units b) {
  return Line(word, a) + ' ' + std::to_string(b);
}
std::string Line(const std::string& word, Units a, Units b, Units c) {
  return Line(word, a, b) + ' ' + std::to_string(c);
}

const char* Word(HoldState state) {
  constexpr const char* kWords[] = {"HELD", "CONFIRMED", "RELEASED", "EXPIRED"};
  return kWords[static_cast<int>(state)];
}

// As ledger_fixture.h tells time.
Units When(UnixMs instant) { return instant == kNever ? 0 : ToUnixMs(instant) - 1'795'288'000'000; }

}  // namespace

// ---- Sums ----

Units LedgerModel::Held() const {
  Units sum = 0;
  for (const OldHold& hold : holds_) {
    if (hold.state == HoldState::kHeld) sum += hold.units;
  }
  return sum;
}

Units LedgerModel::Sold() const {
  Units sum = 0;
  for (const OldHold& hold : holds_) {
    if (hold.state == HoldState::kConfirmed) sum += hold.units - hold.returned;
  }
  return sum;
}

Units LedgerModel::Returned() const {
  Units sum = 0;
  for (const OldHold& hold : holds_) sum += hold.returned;
  return sum;
}

Units LedgerModel::Sellable() const { return std::max<Units>(0, Available() - options.safety); }

Units LedgerModel::UseOf(std::string_view buyer) const {
  Units sum = 0;
  for (const OldHold& hold : holds_) {
    if (!hold.counted || hold.buyer != buyer) continue;
    if (hold.state == HoldState::kHeld) sum += hold.units;
    if (hold.state == HoldState::kConfirmed) sum += hold.units - hold.returned + hold.kept;
  }
  return sum;
}

Units LedgerModel::Rest(std::string_view buyer) const {
  return options.limit == 0 ? kNoLimit : std::max<Units>(0, options.limit - UseOf(buyer));
}

size_t LedgerModel::LiveHolds() const {
  return static_cast<size_t>(std::count_if(holds_.begin(), holds_.end(), [](const OldHold& hold) {
    return hold.state == HoldState::kHeld;
  }));
}

UnixMs LedgerModel::NextDeadline() const {
  UnixMs next = kNever;
  for (const OldHold& hold : holds_) {
    if (hold.state != HoldState::kHeld) continue;
    if (next == kNever || hold.deadline < next) next = hold.deadline;
  }
  return next;
}

// ---- Look-ups ----

LedgerModel::OldHold* LedgerModel::Find(std::string_view id) {
  for (OldHold& hold : holds_) {
    const bool gone = hold.state != HoldState::kHeld && hold.forget_at <= now;
    if (hold.id == id && !gone && !hold.evicted) return &hold;
  }
  return nullptr;
}

LedgerModel::OldRef* LedgerModel::FindRef(std::string_view ref) {
  for (OldRef& old : refs_) {
    if (old.ref == ref && old.forget_at > now) return &old;
  }
  return nullptr;
}

UnixMs LedgerModel::ForgetTime() const {
  return now + (options.retain.count() > 0 ? options.retain : limits_.retention_default);
}

template <typename F>
void LedgerModel::Change(uint64_t events, F&& change) {
  const bool before = Sellable() == 0;
  change();
  const bool after = Sellable() == 0;
  seq += events + (before == after ? 0 : 1);
}

void LedgerModel::Settle(UnixMs due) {
  uint64_t expired = 0;
  for (const OldHold& hold : holds_) {
    if (hold.state == HoldState::kHeld && hold.deadline <= due) ++expired;
  }
  Change(expired, [&] {
    for (OldHold& hold : holds_) {
      if (hold.state != HoldState::kHeld || hold.deadline > due) continue;
      hold.state = HoldState::kExpired;
      hold.deadline = kNever;
      hold.forget_at = ForgetTime();
    }
  });
}

// ---- Verbs ----

std::string LedgerModel::Tell(const OldHold& hold) const {
  const bool mine = hold.state == HoldState::kHeld || hold.state == HoldState::kConfirmed;
  return Line(Word(hold.state), mine ? hold.units : 0, When(hold.deadline), Sellable());
}

// "" if nothing stands against it.
std::string LedgerModel::Guard(Units more, Units whole, std::string_view buyer, bool partial,
                               Units in_hand) {
  const bool over = options.closes != kNever && now >= options.closes;
  if (options.paused || over) {
    return Line("CLOSED", in_hand, When(options.closes), Sellable());
  }
  if (options.opens != kNever && now < options.opens) {
    return Line("EARLY", in_hand, When(options.opens), Sellable());
  }
  if (options.maxqty != 0 && whole > options.maxqty) return Line("BADQTY", in_hand, 0, 0);
  if (options.limit != 0 && buyer.empty()) return Line("NEEDBUYER", in_hand, 0, 0);
  const Units rest = Rest(buyer);
  if (partial ? rest == 0 : rest < more) return Line("LIMIT", in_hand, 0, rest);
  if (Sellable() == 0) return Line("SOLDOUT", in_hand, 0, 0);
  if (!partial && Sellable() < more) return Line("SHORT", in_hand, 0, Sellable());
  return "";
}

std::string LedgerModel::Reserve(const ReserveRequest& request) {
  if (const OldHold* const hold = Find(request.hold_id)) {
    const bool same = hold->asked == request.units && hold->buyer == request.buyer;
    return same || hold->fence ? Tell(*hold) : Line("HOLDMISMATCH", 0, 0, 0);
  }
  std::string refusal = Guard(request.units, request.units, request.buyer, request.partial, 0);
  if (!refusal.empty()) return refusal;
  DurationMs ttl = options.ttl.count() > 0 ? options.ttl : limits_.ttl_default;
  if (request.ttl) ttl = *request.ttl;
  OldHold hold{.id = std::string(request.hold_id),
               .buyer = std::string(request.buyer),
               .meta = std::string(request.meta),
               .asked = request.units,
               .units = std::min({request.units, Sellable(), Rest(request.buyer)}),
               .made = now,
               .counted = counting_};
  if (request.final) {
    hold.state = HoldState::kConfirmed;
    hold.forget_at = ForgetTime();
  } else {
    hold.deadline = std::min(now + ttl, now + limits_.hold_life_max);
  }
  Change(1, [&] { holds_.push_back(hold); });
  return Tell(hold);
}

std::string LedgerModel::Amend(const std::string& id, Units units) {
  OldHold* const hold = Find(id);
  if (hold == nullptr) return Line("NOHOLD", 0, 0, 0);
  if (hold->state != HoldState::kHeld || hold->units == units) return Tell(*hold);
  if (units > hold->units) {
    std::string refusal = Guard(units - hold->units, units, hold->buyer, false, hold->units);
    if (!refusal.empty()) return refusal;
  }
  Change(1, [&] { hold->units = units; });
  return Tell(*hold);
}

std::string LedgerModel::Confirm(const ConfirmRequest& request) {
  OldHold* const hold = Find(request.hold_id);
  if (hold == nullptr) return Line("NOHOLD", 0);
  if (hold->state == HoldState::kReleased) return Line("RELEASED", 0);
  const Units quantity = request.quantity.value_or(hold->units);
  if (hold->state == HoldState::kConfirmed) {
    return quantity == hold->units ? Line("CONFIRMED", hold->units) : Line("HOLDMISMATCH", 0);
  }
  if (hold->state == HoldState::kExpired && !request.reclaim) return Line("EXPIRED", 0);
  if (quantity > hold->units) return Line("BADQTY", 0);
  if (hold->state == HoldState::kExpired) {
    const bool allowed = hold->buyer.empty() || Rest(hold->buyer) >= hold->units;
    if (Sellable() < hold->units || !allowed) return Line("EXPIRED", 0);
  }
  Change(1, [&] {
    hold->state = HoldState::kConfirmed;
    hold->units = quantity;
    hold->deadline = kNever;
    hold->forget_at = ForgetTime();
  });
  return Line("CONFIRMED", quantity);
}

std::string LedgerModel::Release(const std::string& id, const std::string& reason) {
  OldHold* const hold = Find(id);
  if (hold == nullptr) {
    if (limits_.fence_max == 0) return Line("RELEASED", 0);
    std::vector<OldHold*> fences;
    for (OldHold& old : holds_) {
      if (old.fence && !old.evicted && old.forget_at > now) fences.push_back(&old);
    }
    std::sort(fences.begin(), fences.end(), [](const OldHold* a, const OldHold* b) {
      return a->forget_at != b->forget_at ? a->forget_at < b->forget_at : a->id < b->id;
    });
    for (size_t i = 0; i + limits_.fence_max < fences.size() + 1; ++i) fences[i]->evicted = true;
    holds_.push_back({.id = id,
                      .reason = reason,
                      .state = HoldState::kReleased,
                      .fence = true,
                      .made = now,
                      .forget_at = ForgetTime()});
    return Line("RELEASED", 0);
  }
  if (hold->state == HoldState::kHeld) {
    Change(1, [&] {
      hold->state = HoldState::kReleased;
      hold->reason = reason;
      hold->deadline = kNever;
      hold->forget_at = ForgetTime();
    });
  }
  return Line(Word(hold->state), hold->state == HoldState::kConfirmed ? 0 : hold->units);
}

std::string LedgerModel::Extend(const std::string& id, DurationMs ttl) {
  OldHold* const hold = Find(id);
  if (hold == nullptr) return Line("NOHOLD", 0);
  if (hold->state != HoldState::kHeld) return Line(Word(hold->state), 0);
  const UnixMs later = std::min(now + ttl, hold->made + limits_.hold_life_max);
  if (later > hold->deadline) {
    hold->deadline = later;
    ++seq;
  }
  return Line("HELD", When(hold->deadline));
}

std::string LedgerModel::Adjust(const AdjustRequest& request) {
  const std::string what = Line("adjust", request.delta);
  if (const OldRef* const ref = FindRef(request.ref)) {
    return ref->what == what ? Line("ADJUSTED", ref->applied, Available())
                             : Line("HOLDMISMATCH", 0, 0);
  }
  if (request.if_available && *request.if_available != Available()) {
    return Line("STALE", 0, Available());
  }
  Units applied = request.delta;
  if (Available() + applied < 0) {
    if (!request.clamp) return Line("SHORT", 0, Available());
    applied = -Available();
  }
  Change(1, [&] { supplied_ += applied; });
  refs_.push_back({std::string(request.ref), what, applied, ForgetTime()});
  return Line("ADJUSTED", applied, Available());
}

std::string LedgerModel::Return(const ReturnRequest& request) {
  const std::string what = "return " + std::string(request.hold_id) + ' ' +
                           Line(std::to_string(request.units), static_cast<int>(request.target));
  if (const OldRef* const ref = FindRef(request.ref)) {
    return ref->what == what ? Line("RETURNED", request.units, Available())
                             : Line("HOLDMISMATCH", 0, 0);
  }
  OldHold* const hold = Find(request.hold_id);
  if (hold == nullptr) return Line("NOHOLD", 0, 0);
  if (hold->state != HoldState::kConfirmed || hold->units - hold->returned < request.units) {
    return Line("BADQTY", 0, 0);
  }
  Change(1, [&] {
    hold->returned += request.units;
    if (request.keep_limit) hold->kept += request.units;
    if (request.target == ReturnTarget::kWriteOff) supplied_ -= request.units;
  });
  refs_.push_back({std::string(request.ref), what, request.units, ForgetTime()});
  return Line("RETURNED", request.units, Available());
}

std::string LedgerModel::Set(const ItemOptions& now_options) {
  if (now_options.opens != kNever && now_options.closes != kNever &&
      now_options.closes <= now_options.opens) {
    return "BADWINDOW";
  }
  Change(0, [&] { options = now_options; });
  if (options.limit > 0 && !counting_) {
    counting_ = true;
    for (OldHold& hold : holds_) hold.counted = Find(hold.id) == &hold;
  }
  return "OK";
}

}  // namespace holdfast
