#include "storage/core/item_change.h"

#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

ItemChange::ItemChange(Item& item, UnixMs at)
    : item_(item), at_(at), was_sold_out_(item.Sellable() == 0) {
  Invariant(at >= item.changed_at_);
  item.changed_at_ = at;
}

void ItemChange::Done(uint64_t transitions) {
  const bool is_sold_out = item_.Sellable() == 0;
  item_.seq_ += transitions + (is_sold_out != was_sold_out_ ? 1 : 0);
  Invariant(Balanced(item_.stock_));
  Invariant(item_.live_.size() + item_.finished_.size() == item_.holds_.size());
}

// ---- Units ----

void ItemChange::MoveToHeld(std::string_view buyer, Units units) {
  Invariant(units <= item_.stock_.available);
  item_.stock_.available -= units;
  item_.stock_.held += units;
  Use(buyer, units);
}

void ItemChange::MoveToAvailable(std::string_view buyer, Units units) {
  Invariant(units <= item_.stock_.held);
  item_.stock_.held -= units;
  item_.stock_.available += units;
  Use(buyer, -units);
}

void ItemChange::MoveToSold(Units units) {
  Invariant(units <= item_.stock_.held);
  item_.stock_.held -= units;
  item_.stock_.sold += units;
}

void ItemChange::TakeBackSold(std::string_view buyer, const StockReturned& returned) {
  Invariant(returned.units <= item_.stock_.sold);
  item_.stock_.sold -= returned.units;
  item_.stock_.returned += returned.units;
  switch (returned.target) {
    case ReturnTarget::kAvailable:
      item_.stock_.available += returned.units;
      break;
    case ReturnTarget::kWriteOff:
      item_.stock_.supplied -= returned.units;
      break;
  }
  if (!returned.keep_limit) Use(buyer, -returned.units);
}

void ItemChange::Supply(Units delta) {
  Stock& stock = item_.stock_;
  const bool beyond = __builtin_add_overflow(stock.available, delta, &stock.available) ||
                      __builtin_add_overflow(stock.supplied, delta, &stock.supplied);
  Invariant(!beyond);
  Invariant(stock.available >= 0);
}

void ItemChange::Use(std::string_view buyer, Units units) {
  Invariant(!item_.counting());
  if (item_.counts_buyers_) AddUse(buyer, units);
}

void ItemChange::AddUse(std::string_view buyer, Units units) {
  if (buyer.empty() || units == 0) return;
  const HashedKey key = item_.buyers_.Hash(buyer);
  if (item_.taker_ != nullptr) item_.taker_->BeforeBuyer(key.hash);
  BuyerUsePtr* found = item_.buyers_.Find(key);
  if (found == nullptr) {
    found = &item_.buyers_.Insert(key, BuyerUse::Make(buyer), snapshot());
    item_.block_bytes_ += (*found)->BlockBytes();
  }
  (*found)->units += units;
  Invariant((*found)->units >= 0);
}

// ---- Holds ----

void ItemChange::TakeHold(std::string_view hold_id) {
  if (item_.taker_ != nullptr) item_.taker_->BeforeHold(item_.holds_.Hash(hold_id).hash);
}

Hold& ItemChange::Find(std::string_view hold_id) {
  TakeHold(hold_id);
  HoldPtr* const found = item_.holds_.Find(item_.holds_.Hash(hold_id));
  Invariant(found != nullptr);
  Invariant(!(*found)->IsForgotten(at_));
  return **found;
}

Hold& ItemChange::FindLive(std::string_view hold_id) {
  Hold& hold = Find(hold_id);
  Invariant(hold.IsLive());
  return hold;
}

Hold& ItemChange::FirstLive() {
  Invariant(!item_.live_.empty());
  Hold& first = item_.live_.First().thing();
  TakeHold(first.id());
  return first;
}

void ItemChange::Add(HoldPtr hold) {
  Invariant(!item_.counting());
  TakeHold(hold->id());
  const HashedKey key = item_.holds_.Hash(hold->id());
  if (HoldPtr* const old = item_.holds_.Find(key)) {
    Invariant((*old)->IsForgotten(at_));
    Forget(**old);
  }
  Hold& added = *item_.holds_.Insert(key, std::move(hold), snapshot());
  item_.block_bytes_ += added.BlockBytes();
  if (added.IsLive()) {
    item_.live_.Add(added.until(), added);
  } else {
    item_.finished_.Add(added.until(), added);
  }
  if (added.IsFence()) item_.fences_.Add(added.until(), added);
}

void ItemChange::Extend(Hold& hold, UnixMs deadline) {
  item_.live_.Remove(hold.until(), hold);
  hold.set_until(deadline);
  item_.live_.Add(hold.until(), hold);
}

void ItemChange::Finish(Hold& hold, HoldState state, UnixMs forget_at, std::string_view reason) {
  if (hold.IsLive()) {
    item_.live_.Remove(hold.until(), hold);
  } else {
    item_.finished_.Remove(hold.until(), hold);  // an expired hold, reclaimed
  }
  hold.state = state;
  hold.set_until(forget_at);
  Hold* finished = &hold;
  if (!reason.empty()) {
    HoldWords words = hold.words();
    words.reason = reason;
    finished = &Remake(hold, words, hold.returns());
  }
  item_.finished_.Add(forget_at, *finished);
}

void ItemChange::Return(Hold& hold, uint32_t units, bool keep_limit) {
  Invariant(units <= hold.SoldUnits());
  HoldReturns returns = hold.returns();
  returns.units += units;
  if (keep_limit) returns.kept += units;
  item_.finished_.Remove(hold.until(), hold);
  Hold& remade = Remake(hold, hold.words(), returns);
  item_.finished_.Add(remade.until(), remade);
}

Hold& ItemChange::Remake(Hold& hold, const HoldWords& words, HoldReturns returns) {
  Invariant(!hold.IsFence());
  HoldPtr& owner = *item_.holds_.Find(item_.holds_.Hash(hold.id()));
  HoldPtr remade = hold.Remade(words, returns);
  item_.block_bytes_ += remade->BlockBytes() - hold.BlockBytes();
  owner = std::move(remade);
  return *owner;
}

void ItemChange::Forget(Hold& hold) {
  Invariant(!hold.IsLive());
  TakeHold(hold.id());
  item_.forgotten_.sold += hold.SoldUnits();
  item_.forgotten_.returned += hold.returns().units;
  if (item_.counts_buyers_ && !hold.buyer().empty()) item_.forgotten_.used += hold.UsedUnits();
  item_.finished_.Remove(hold.until(), hold);
  if (hold.IsFence()) item_.fences_.Remove(hold.until(), hold);
  item_.block_bytes_ -= hold.BlockBytes();
  const bool erased = item_.holds_.Erase(item_.holds_.Hash(hold.id()), keeps_segments());
  Invariant(erased);
}

void ItemChange::ForgetFirstHold(UnixMs up_to) {
  Invariant(!item_.finished_.empty());
  Invariant(item_.finished_.First().at() <= up_to);
  Forget(item_.finished_.First().thing());
}

void ItemChange::EvictOldestFence() {
  Invariant(!item_.fences_.empty());
  Forget(item_.fences_.First().thing());
}

// ---- Refs ----

void ItemChange::AddRef(RefPtr ref) {
  const HashedKey key = item_.refs_.Hash(ref->ref);
  if (item_.taker_ != nullptr) item_.taker_->BeforeRef(key.hash);
  if (RefPtr* const old = item_.refs_.Find(key)) {
    Invariant((*old)->IsForgotten(at_));
    Forget(**old);
  }
  Ref& added = *item_.refs_.Insert(key, std::move(ref), snapshot());
  item_.block_bytes_ += added.BlockBytes();
  item_.refs_by_forget_.Add(added.forget_at, added);
}

void ItemChange::Forget(Ref& ref) {
  const HashedKey key = item_.refs_.Hash(ref.ref);
  if (item_.taker_ != nullptr) item_.taker_->BeforeRef(key.hash);
  item_.refs_by_forget_.Remove(ref.forget_at, ref);
  item_.block_bytes_ -= ref.BlockBytes();
  const bool erased = item_.refs_.Erase(key, keeps_segments());
  Invariant(erased);
}

void ItemChange::ForgetFirstRef(UnixMs up_to) {
  Invariant(!item_.refs_by_forget_.empty());
  Invariant(item_.refs_by_forget_.First().at() <= up_to);
  Forget(item_.refs_by_forget_.First().thing());
}

// ---- Options ----

void ItemChange::SetOptions(const ItemOptions& options) {
  Invariant(!item_.counting());
  item_.options_ = options;
  if (options.limit > 0 && !item_.counts_buyers_) item_.counting_ = Item::Counting{.since = at_};
}

void ItemChange::CountBuyers(uint32_t holds) {
  Invariant(item_.counting());
  Item::Counting& counting = *item_.counting_;
  Invariant(item_.finished_.FirstInstant() == kNever ||
            item_.finished_.FirstInstant() > counting.since);
  counting.from = item_.holds_.Scan(counting.from, holds, [&](const HoldPtr& hold) {
    AddUse(hold->buyer(), hold->UsedUnits());
    ++counting.counted;
  });
  if (counting.counted < item_.holds_.size()) {
    Invariant(counting.from != 0);
    return;
  }
  item_.counts_buyers_ = true;
  item_.counting_.reset();
}

}  // namespace holdfast
