#include "tests/sim/sku_book.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace holdfast {

Units BookHold::Used() const {
  if (live()) return units;
  return state == HoldState::kConfirmed ? units - returned + kept : 0;
}

SkuBook::SkuBook(const ItemCreated& created)
    : options(created.options),
      supplied(created.units),
      at_(created.at),
      counts_(created.options.limit > 0) {}

// ---- sums

Units SkuBook::Held() const {
  Units sum = 0;
  for (const auto& [id, hold] : holds) sum += hold.live() ? hold.units : 0;
  return sum;
}

Units SkuBook::Sold() const {
  Units sum = forgotten_sold_;
  for (const auto& [id, hold] : holds) sum += hold.Sold();
  return sum;
}

Units SkuBook::Returned() const {
  Units sum = forgotten_returned_;
  for (const auto& [id, hold] : holds) sum += hold.returned;
  return sum;
}

Units SkuBook::Sellable() const { return std::max<Units>(0, Available() - options.safety); }

Units SkuBook::UseOf(std::string_view buyer) const {
  if (buyer.empty()) return 0;
  const auto forgotten = forgotten_use_.find(buyer);
  Units sum = forgotten == forgotten_use_.end() ? 0 : forgotten->second;
  for (const auto& [id, hold] : holds) {
    if (hold.counted && hold.buyer == buyer) sum += hold.Used();
  }
  return sum;
}

Units SkuBook::RestOf(std::string_view buyer) const {
  if (options.limit == 0) return std::numeric_limits<Units>::max();
  return std::max<Units>(0, options.limit - UseOf(buyer));
}

int64_t SkuBook::LiveHolds() const {
  return std::ranges::count_if(holds, [](const auto& entry) { return entry.second.live(); });
}

const BookHold* SkuBook::Find(const std::string& hold) const {
  const auto found = holds.find(hold);
  return found == holds.end() ? nullptr : &found->second;
}

const BookRef* SkuBook::FindRef(const std::string& ref) const {
  const auto found = refs.find(ref);
  return found == refs.end() ? nullptr : &found->second;
}

UnixMs SkuBook::EndOf(const BookHold& hold, UnixMs grace_until) {
  return std::max(hold.until, grace_until);
}

// ---- facts

std::string SkuBook::Take(const MutationView& fact, const Terms& terms) {
  terms_ = terms;
  const bool was_sold_out = Sellable() == 0;
  std::string wrong = Judge(fact);
  if ((Sellable() == 0) != was_sold_out) ++seq;
  if (wrong.empty() && Available() < 0) wrong = "I2: oversold";
  return wrong;
}

std::string SkuBook::Judge(const MutationView& fact) {
  ByteReader body(fact.body);
  switch (fact.kind) {
    case MutationKind::kItemOptionsSet:
      return On(ItemOptionsSet::DecodeBody(body));
    case MutationKind::kHoldTaken:
      return On(HoldTaken::DecodeBody(body));
    case MutationKind::kHoldConfirmed:
      return On(HoldConfirmed::DecodeBody(body));
    case MutationKind::kHoldReclaimed:
      return On(HoldReclaimed::DecodeBody(body));
    case MutationKind::kHoldReleased:
      return On(HoldReleased::DecodeBody(body));
    case MutationKind::kFenceLeft:
      return On(FenceLeft::DecodeBody(body));
    case MutationKind::kHoldExtended:
      return On(HoldExtended::DecodeBody(body));
    case MutationKind::kHoldAmended:
      return On(HoldAmended::DecodeBody(body));
    case MutationKind::kHoldsExpired:
      return On(HoldsExpired::DecodeBody(body));
    case MutationKind::kHoldsForgotten:
      return On(HoldsForgotten::DecodeBody(body));
    case MutationKind::kRefsForgotten:
      return On(RefsForgotten::DecodeBody(body));
    case MutationKind::kBuyersCounted:
      return On(BuyersCounted::DecodeBody(body));
    case MutationKind::kStockAdjusted:
      return On(StockAdjusted::DecodeBody(body));
    case MutationKind::kStockReturned:
      return On(StockReturned::DecodeBody(body));
    default:
      return "a fact that befalls no SKU";
  }
}

std::string SkuBook::Begin(UnixMs at) {
  if (at < at_) return "the SKU's time went back";
  at_ = at;
  for (const auto& [id, hold] : holds) {
    if (hold.live() && EndOf(hold, terms_.grace_until) <= at) {
      return "I9: " + id + " was over, and a command went before its settling";
    }
  }
  return {};
}

std::string SkuBook::InWindow(UnixMs at) const {
  const bool open =
      !options.paused && at >= options.opens && (options.closes == kNever || at < options.closes);
  return open ? std::string() : "I9: units taken outside the window";
}

// More units for a hold: of the shelf, and of its buyer's limit.
std::string SkuBook::MayTake(const BookHold& hold, Units more) const {
  if (more > Sellable())
    return "I2: oversold, " + std::to_string(more) + " units that are not there";
  // A hold that nobody owns was made before there was a LIMIT.
  if (!hold.buyer.empty() && more > RestOf(hold.buyer)) return "I4: above the LIMIT";
  return {};
}

std::string SkuBook::On(const ItemOptionsSet& set) {
  if (std::string wrong = Begin(set.at); !wrong.empty()) return wrong;
  options = set.options;
  if (options.limit == 0 || counts_) return {};
  counts_ = true;
  for (auto& [id, hold] : holds) hold.counted = hold.live() || hold.until > set.at;
  return {};
}

std::string SkuBook::On(const HoldTaken& taken) {
  if (std::string wrong = Begin(taken.at); !wrong.empty()) return wrong;
  const std::string id(taken.hold_id);
  if (const auto old = holds.find(id); old != holds.end()) {
    if (old->second.live() || old->second.until > taken.at) return "I3: " + id + " taken twice";
    Forget(old);
  }
  BookHold hold{.buyer = std::string(taken.buyer),
                .asked = taken.asked,
                .units = taken.units,
                .made = taken.at,
                .until = taken.deadline,
                .counted = counts_};
  if (std::string wrong = InWindow(taken.at); !wrong.empty()) return wrong;
  if (options.maxqty > 0 && taken.asked > options.maxqty) return "more than MAXQTY";
  if (options.limit > 0 && hold.buyer.empty()) return "I4: nobody's hold under a LIMIT";
  if (taken.units < 1 || taken.units > taken.asked) return "not what was asked";
  if (std::string wrong = MayTake(hold, taken.units); !wrong.empty()) return wrong;
  ++seq;
  std::string wrong;
  if (taken.Confirmed()) {
    wrong = Finish(hold, HoldState::kConfirmed, taken.at, taken.forget_at);
  } else if (hold.until <= taken.at || hold.until > taken.at + terms_.limits.hold_life_max) {
    wrong = "I9: a deadline beyond every life";
  }
  holds.emplace(id, std::move(hold));
  return wrong;
}

std::string SkuBook::Finish(BookHold& hold, HoldState state, UnixMs at, UnixMs forget_at) {
  hold.state = state;
  hold.until = forget_at;
  if (forget_at == ForgetAt(options, terms_.limits, at)) return {};
  return "I3: remembered for another time than RETAIN";
}

std::string SkuBook::On(const HoldConfirmed& confirmed) {
  if (std::string wrong = Begin(confirmed.at); !wrong.empty()) return wrong;
  const auto found = holds.find(std::string(confirmed.hold_id));
  if (found == holds.end() || !found->second.live()) return "I3: confirmed what was not held";
  BookHold& hold = found->second;
  if (confirmed.sold + confirmed.given_back != hold.units) return "I4: a part of it got lost";
  hold.units = confirmed.sold;
  ++seq;
  return Finish(hold, HoldState::kConfirmed, confirmed.at, confirmed.forget_at);
}

std::string SkuBook::On(const HoldReclaimed& reclaimed) {
  if (std::string wrong = Begin(reclaimed.at); !wrong.empty()) return wrong;
  const auto found = holds.find(std::string(reclaimed.hold_id));
  if (found == holds.end() || found->second.state != HoldState::kExpired) {
    return "I3: reclaimed what had not expired";
  }
  BookHold& hold = found->second;
  if (reclaimed.sold + reclaimed.given_back != hold.units) return "I4: a part of it got lost";
  if (std::string wrong = MayTake(hold, hold.units); !wrong.empty()) return wrong;
  hold.units = reclaimed.sold;
  ++seq;
  return Finish(hold, HoldState::kConfirmed, reclaimed.at, reclaimed.forget_at);
}

std::string SkuBook::On(const HoldReleased& released) {
  if (std::string wrong = Begin(released.at); !wrong.empty()) return wrong;
  const auto found = holds.find(std::string(released.hold_id));
  if (found == holds.end() || !found->second.live()) return "I3: released what was not held";
  ++seq;
  return Finish(found->second, HoldState::kReleased, released.at, released.forget_at);
}

std::string SkuBook::On(const FenceLeft& left) {
  if (std::string wrong = Begin(left.at); !wrong.empty()) return wrong;
  for (uint32_t i = 0; i < left.evicted; ++i) {
    auto oldest = holds.end();
    for (auto it = holds.begin(); it != holds.end(); ++it) {
      if (it->second.asked != 0) continue;
      if (oldest == holds.end() || it->second.until < oldest->second.until) oldest = it;
    }
    if (oldest == holds.end()) return "more fences went than there were";
    Forget(oldest);
  }
  const std::string id(left.hold_id);
  if (const auto old = holds.find(id); old != holds.end()) {
    if (old->second.live() || old->second.until > left.at) return "I3: a fence over a hold";
    Forget(old);
  }
  BookHold fence{.buyer = {}, .made = left.at};
  std::string wrong = Finish(fence, HoldState::kReleased, left.at, left.forget_at);
  holds.emplace(id, std::move(fence));
  return wrong;
}

std::string SkuBook::On(const HoldExtended& extended) {
  if (std::string wrong = Begin(extended.at); !wrong.empty()) return wrong;
  const auto found = holds.find(std::string(extended.hold_id));
  if (found == holds.end() || !found->second.live()) return "I9: extended what was not held";
  BookHold& hold = found->second;
  if (extended.deadline <= hold.until) return "I9: EXTEND shortened a hold";
  if (extended.deadline > hold.made + terms_.limits.hold_life_max) return "I9: beyond every life";
  hold.until = extended.deadline;
  ++seq;
  return {};
}

std::string SkuBook::On(const HoldAmended& amended) {
  if (std::string wrong = Begin(amended.at); !wrong.empty()) return wrong;
  const auto found = holds.find(std::string(amended.hold_id));
  if (found == holds.end() || !found->second.live()) return "I3: amended what was not held";
  BookHold& hold = found->second;
  if (const Units more = amended.units - hold.units; more > 0) {
    std::string wrong = InWindow(amended.at);
    if (wrong.empty()) wrong = MayTake(hold, more);
    if (!wrong.empty()) return wrong;
  }
  hold.units = amended.units;
  ++seq;
  return {};
}

std::string SkuBook::On(const HoldsExpired& expired) {
  if (expired.at < at_) return "the SKU's time went back";
  at_ = expired.at;
  std::string wrong;
  for (uint32_t i = 0; i < expired.count; ++i) {
    auto first = holds.end();
    const auto order = [](const auto& entry) {
      return std::tie(entry->second.until, entry->second.made, entry->first);
    };
    for (auto it = holds.begin(); it != holds.end(); ++it) {
      if (it->second.live() && (first == holds.end() || order(it) < order(first))) first = it;
    }
    if (first == holds.end()) return "more holds expired than there were";
    const UnixMs end = EndOf(first->second, terms_.grace_until);
    if (end > expired.at) return "I9: " + first->first + " expired before its time";
    ++seq;
    wrong = Finish(first->second, HoldState::kExpired, expired.at, expired.forget_at);
  }
  return wrong;
}

std::string SkuBook::On(const HoldsForgotten& forgotten) {
  if (forgotten.up_to > forgotten.at) return "I3: forgotten before its time";
  for (uint32_t i = 0; i < forgotten.count; ++i) {
    auto first = holds.end();
    for (auto it = holds.begin(); it != holds.end(); ++it) {
      if (it->second.live()) continue;
      if (first == holds.end() || it->second.until < first->second.until) first = it;
    }
    if (first == holds.end() || first->second.until > forgotten.up_to) {
      return "I3: forgotten before its time";
    }
    Forget(first);
  }
  return {};
}

std::string SkuBook::On(const RefsForgotten& forgotten) {
  if (forgotten.up_to > forgotten.at) return "I3: a ref forgotten before its time";
  for (uint32_t i = 0; i < forgotten.count; ++i) {
    const auto first = std::ranges::min_element(
        refs, {}, [](const auto& entry) { return entry.second.forget_at; });
    if (first == refs.end() || first->second.forget_at > forgotten.up_to) {
      return "I3: a ref forgotten before its time";
    }
    refs.erase(first);
  }
  return {};
}

// Which holds count was settled when the LIMIT was set; this only tells how far the server is.
std::string SkuBook::On(const BuyersCounted& counted) {
  return counted.at < at_ ? "the SKU's time went back" : "";
}

std::string SkuBook::AddRef(std::string_view name, UnixMs at, BookRef ref) {
  const std::string key(name);
  if (const auto old = refs.find(key); old != refs.end()) {
    if (old->second.forget_at > at) return "I3: ref " + key + " done twice";
    refs.erase(old);
  }
  const bool in_time = ref.forget_at == ForgetAt(options, terms_.limits, at);
  refs.emplace(key, std::move(ref));
  return in_time ? "" : "I3: a ref remembered for another time than RETAIN";
}

std::string SkuBook::On(const StockAdjusted& adjusted) {
  if (std::string wrong = Begin(adjusted.at); !wrong.empty()) return wrong;
  supplied += adjusted.applied;
  ++seq;
  return AddRef(adjusted.ref, adjusted.at,
                {.asked = adjusted.asked,
                 .applied = adjusted.applied,
                 .hold = {},
                 .forget_at = adjusted.forget_at});
}

std::string SkuBook::On(const StockReturned& returned) {
  if (std::string wrong = Begin(returned.at); !wrong.empty()) return wrong;
  const auto found = holds.find(std::string(returned.hold_id));
  if (found == holds.end() || returned.units > found->second.Sold()) {
    return "I4: more came back than was sold";
  }
  BookHold& hold = found->second;
  hold.returned += returned.units;
  if (returned.keep_limit) hold.kept += returned.units;
  if (returned.target == ReturnTarget::kWriteOff) supplied -= returned.units;
  ++seq;
  return AddRef(returned.ref, returned.at,
                {.is_return = true,
                 .asked = returned.units,
                 .applied = returned.units,
                 .hold = std::string(returned.hold_id),
                 .forget_at = returned.forget_at});
}

void SkuBook::Forget(Order hold) {
  forgotten_sold_ += hold->second.Sold();
  forgotten_returned_ += hold->second.returned;
  if (hold->second.counted) forgotten_use_[hold->second.buyer] += hold->second.Used();
  holds.erase(hold);
}

// ---- against the server's memory

namespace {

std::string HoldDiffers(const std::string& id, const BookHold& book, const Hold* hold) {
  if (hold == nullptr) return id + " is gone";
  const HoldReturns returns = hold->returns();
  const bool same = book.state == hold->state && book.asked == hold->asked &&
                    book.units == hold->units && book.returned == returns.units &&
                    book.kept == returns.kept && book.made == hold->made();
  if (!same) return id + " is another";
  if (book.buyer != hold->buyer()) return id + " has another buyer";
  if (book.until == hold->until()) return {};
  return id + (book.live() ? " ends at " : " is forgotten at ") +
         std::to_string(ToUnixMs(hold->until())) + " and not at " +
         std::to_string(ToUnixMs(book.until));
}

}  // namespace

std::string SkuBook::Differs(const Item& item) const {
  for (const auto& [id, hold] : holds) {
    // At no time: what is to be forgotten and no sweep has taken yet is there, too.
    std::string wrong = HoldDiffers(id, hold, item.FindHold(id, kNever));
    if (!wrong.empty()) return wrong;
    if (counts_ && item.counts_buyers() && item.UseOf(hold.buyer) != UseOf(hold.buyer)) {
      return "I4: " + hold.buyer + " has used another part of the LIMIT";
    }
  }
  for (const auto& [name, ref] : refs) {
    const Ref* const found = item.FindRef(name, kNever);
    if (found == nullptr) return "ref " + name + " is gone";
    if (found->forget_at != ref.forget_at || found->applied != ref.applied ||
        found->asked != ref.asked || found->is_return != ref.is_return) {
      return "ref " + name + " is another";
    }
  }
  if (item.holds() != holds.size()) return "there are more holds";
  const Stock sums{.available = Available(),
                   .held = Held(),
                   .sold = Sold(),
                   .supplied = supplied,
                   .returned = Returned()};
  if (item.stock() != sums) return "I1: the sums are others";
  if (item.options() != options) return "the options are others";
  return item.seq() == seq ? "" : "seq is " + std::to_string(item.seq());
}

}  // namespace holdfast
