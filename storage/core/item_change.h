// ItemChange: the writer behind Apply, one for each mutation that is applied. It keeps what belongs
// together together: a hold with its place in the queues, its units in the piles, its buyer's use.
//
//   ItemChange change(item, at);       time does not run backwards
//   ... Take, Sell, GiveBack, Add, Finish ...
//   change.Done(transitions);          seq moves, the sums are checked
//
// Internal to the ledger: stock_apply.cc is its only user.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/core/item.h"

namespace holdfast {

class ItemChange {
 public:
  ItemChange(Item& item, UnixMs at);
  ItemChange(const ItemChange&) = delete;
  ItemChange& operator=(const ItemChange&) = delete;
  // One event for each transition; `soldout` or `instock` follows if the sellable units reached or
  // left 0.
  void Done(uint64_t transitions);

  // Units between the piles, and with them the use of their hold's buyer.
  void MoveToHeld(std::string_view buyer, Units units);       // from available
  void MoveToAvailable(std::string_view buyer, Units units);  // from held
  void MoveToSold(Units units);                               // from held
  void TakeBackSold(std::string_view buyer, const StockReturned& returned);
  void Supply(Units delta);  // to available

  // Holds. Live: not finished and, at this time, not forgotten.
  Hold& FindLive(std::string_view hold_id);
  Hold& Find(std::string_view hold_id);
  Hold& FirstLive();
  void Add(HoldPtr hold);  // an old, forgotten hold of the same id goes
  void Extend(Hold& hold, UnixMs deadline);
  // The hold reference is dead after either: a reason or a return that comes now moves the hold.
  void Finish(Hold& hold, HoldState state, UnixMs forget_at, std::string_view reason = {});
  void Return(Hold& hold, uint32_t units, bool keep_limit);
  void ForgetFirstHold(UnixMs up_to);
  void EvictOldestFence();

  void AddRef(RefPtr ref);  // an old, forgotten ref of the same name goes
  void ForgetFirstRef(UnixMs up_to);

  void SetOptions(const ItemOptions& options);
  void CountBuyers(uint32_t holds);

 private:
  // Before a record changes: a snapshot may have to take it as it was.
  void TakeHold(std::string_view hold_id);
  // Of the snapshot that is taking the records; 0 if there is none.
  uint32_t snapshot() const { return item_.taker_ == nullptr ? 0 : item_.taker_->number(); }
  bool keeps_segments() const { return item_.taker_ != nullptr; }

  // In its place, not in the queues. Requires: it is in none.
  Hold& Remake(Hold& hold, const HoldWords& words, HoldReturns returns);
  void Forget(Hold& hold);
  void Forget(Ref& ref);
  void Use(std::string_view buyer, Units units);
  void AddUse(std::string_view buyer, Units units);

  Item& item_;
  const UnixMs at_;
  const bool was_sold_out_;
};

}  // namespace holdfast
