// SkuBook: one SKU as the log tells it. The referee keeps it beside the server: it takes the same
// facts and none of the server's code that applies them, computes every sum anew, and says which
// promise a fact breaks. Slow and plain on purpose.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "storage/core/item.h"
#include "storage/core/mutation.h"
#include "storage/core/stock_mutations.h"
#include "storage/core/stock_terms.h"

namespace holdfast {

struct BookHold {
  std::string buyer;
  HoldState state = HoldState::kHeld;
  Units asked = 0;  // 0: a fence
  Units units = 0;
  Units returned = 0;
  Units kept = 0;
  UnixMs made = kNever;
  UnixMs until = kNever;  // HELD: its deadline, else forgotten from then on
  bool counted = false;   // in its buyer's use

  bool live() const { return state == HoldState::kHeld; }
  Units Sold() const { return state == HoldState::kConfirmed ? units - returned : 0; }
  Units Used() const;
};

struct BookRef {
  bool is_return = false;
  Units asked = 0;
  Units applied = 0;
  std::string hold;
  UnixMs forget_at = kNever;
};

class SkuBook {
 public:
  // What the facts are judged by: the server's limits, and until when nothing was due after the
  // start (kNever: no grace).
  struct Terms {
    LedgerLimits limits;
    UnixMs grace_until = kNever;
  };

  explicit SkuBook(const ItemCreated& created);

  // Takes one fact. What it breaks, or nothing.
  std::string Take(const MutationView& fact, const Terms& terms);
  // What sets the server's own memory of the SKU apart from this; empty: nothing.
  std::string Differs(const Item& item) const;

  // Null if there is none; a forgotten one until the log tells that it is.
  const BookHold* Find(const std::string& hold) const;
  const BookRef* FindRef(const std::string& ref) const;
  // When the hold ends by itself, whatever its deadline says.
  static UnixMs EndOf(const BookHold& hold, UnixMs grace_until);

  Units Held() const;
  Units Sold() const;
  Units Available() const { return supplied - Held() - Sold(); }
  Units Sellable() const;
  Units UseOf(std::string_view buyer) const;
  // What the buyer may still take.
  Units RestOf(std::string_view buyer) const;
  Units Returned() const;
  int64_t LiveHolds() const;

  ItemOptions options;
  Units supplied = 0;
  uint64_t seq = 1;
  std::map<std::string, BookHold> holds;
  std::map<std::string, BookRef> refs;

 private:
  using Order = std::map<std::string, BookHold>::iterator;

  std::string Judge(const MutationView& fact);
  std::string On(const ItemOptionsSet& set);
  std::string On(const HoldTaken& taken);
  std::string On(const HoldConfirmed& confirmed);
  std::string On(const HoldReclaimed& reclaimed);
  std::string On(const HoldReleased& released);
  std::string On(const FenceLeft& left);
  std::string On(const HoldExtended& extended);
  std::string On(const HoldAmended& amended);
  std::string On(const HoldsExpired& expired);
  std::string On(const HoldsForgotten& forgotten);
  std::string On(const RefsForgotten& forgotten);
  std::string On(const BuyersCounted& counted);
  std::string On(const StockAdjusted& adjusted);
  std::string On(const StockReturned& returned);

  // Of a fact that a command decided: nothing may be due any more, and time never goes back.
  std::string Begin(UnixMs at);
  std::string InWindow(UnixMs at) const;
  std::string MayTake(const BookHold& hold, Units more) const;
  std::string Finish(BookHold& hold, HoldState state, UnixMs at, UnixMs forget_at);
  std::string AddRef(std::string_view name, UnixMs at, BookRef ref);
  void Forget(Order hold);

  UnixMs at_ = kNever;  // of the last fact
  Terms terms_;
  bool counts_;  // since a LIMIT was first set
  Units forgotten_sold_ = 0;
  Units forgotten_returned_ = 0;
  std::map<std::string, Units, std::less<>> forgotten_use_;
};

}  // namespace holdfast
