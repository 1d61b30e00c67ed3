// Item: one SKU with everything that belongs to it. Read by the deciders (holds.h, stock.h),
// changed by Apply (stock_apply.h) and by nothing else. Not thread-safe: owned by the shard that
// owns its slot.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/core/deadlines.h"
#include "storage/core/hashed_key.h"
#include "storage/core/hold.h"
#include "storage/core/item_options.h"
#include "storage/core/item_records.h"
#include "storage/core/segmented_set.h"
#include "storage/core/stock_mutations.h"
#include "storage/core/units.h"

namespace holdfast {

// Every unit ever supplied lies in exactly one of three piles.
struct Stock {
  Units available = 0;
  Units held = 0;
  Units sold = 0;
  Units supplied = 0;
  Units returned = 0;  // ever, to sale or written off

  friend bool operator==(const Stock&, const Stock&) = default;
};

[[nodiscard]] constexpr bool Balanced(const Stock& s) {
  return s.available >= 0 && s.held >= 0 && s.sold >= 0 &&
         s.available + s.held + s.sold == s.supplied;
}

// What forgotten holds left in the sums: forgetting never changes a number.
struct ForgottenUnits {
  Units sold = 0;
  Units returned = 0;
  Units used = 0;  // by buyers that are counted

  friend bool operator==(const ForgottenUnits&, const ForgottenUnits&) = default;
};

// Hears of a change of an item's records before it is made, while a snapshot has yet to take some
// of them (partition_snapshot.h).
class RecordTaker {
 public:
  virtual ~RecordTaker() = default;
  virtual void BeforeHold(uint64_t hash) = 0;
  virtual void BeforeBuyer(uint64_t hash) = 0;
  virtual void BeforeRef(uint64_t hash) = 0;
  // Of the snapshot.
  virtual uint32_t number() const = 0;
};

class Item {
 public:
  // As the mutation says, with nothing held or sold. `seed` places holds in their container and
  // shows nowhere else.
  Item(const ItemCreated& created, HashSeed seed);

  const Stock& stock() const { return stock_; }
  const ItemOptions& options() const { return options_; }
  const ForgottenUnits& forgotten() const { return forgotten_; }
  Units Sellable() const { return std::max<Units>(0, stock_.available - options_.safety); }
  uint64_t seq() const { return seq_; }              // of its last event
  UnixMs changed_at() const { return changed_at_; }  // `at` of its last mutation
  size_t live_holds() const { return live_.size(); }
  size_t holds() const { return holds_.size(); }         // live and remembered
  bool counts_buyers() const { return counts_buyers_; }  // since a LIMIT was first set
  // A first LIMIT has come and the remembered holds are still being counted, in slices: until then
  // nothing else happens to the SKU.
  bool counting() const { return counting_.has_value(); }
  UnixMs counting_since() const { return counting_->since; }  // Requires: counting()
  size_t MemoryBytes() const;

  // Null if there is none or it is forgotten by `now`. Valid until the next Apply.
  const Hold* FindHold(std::string_view hold_id, UnixMs now) const;
  const Ref* FindRef(std::string_view ref, UnixMs now) const;
  // What the buyer has of the LIMIT: held + sold - returned. Requires: counts_buyers().
  Units UseOf(std::string_view buyer) const;

  // The sweeps look here; kNever: nothing to come.
  UnixMs NextDeadline() const { return live_.FirstInstant(); }
  UnixMs NextForget() const;
  // At most so many holds, and while a snapshot takes the records no more than kPiecesPerSweep of
  // its pieces' worth: each would have to be taken first.
  uint32_t CountDue(UnixMs up_to, uint32_t most) const { return CountFirst(live_, up_to, most); }
  uint32_t CountForgottenHolds(UnixMs up_to, uint32_t most) const {
    return CountFirst(finished_, up_to, most);
  }
  uint32_t CountForgottenRefs(UnixMs up_to, uint32_t most) const {
    return refs_by_forget_.CountUpTo(up_to, most);
  }
  size_t fences() const { return fences_.size(); }

  // One step of HOLD.LIST: visit(const Hold&) for about `count` holds, forgotten ones left out.
  // Starts at 0, returns where to go on, 0 at the end. Guarantees as SCAN.
  template <typename F>
  uint64_t ScanHolds(uint64_t from, size_t count, UnixMs now, F&& visit) const {
    return holds_.Scan(from, count, [&](const HoldPtr& hold) {
      if (!hold->IsForgotten(now)) visit(static_cast<const Hold&>(*hold));
    });
  }

  // For who has many changes ahead (SegmentedSet::PrefetchSegment): brings into the processor's
  // caches what a change of this hold and of this buyer's use (empty: of none) will read, a step
  // for all, then the next.
  struct ChangeAhead {
    HashedKey hold;
    HashedKey buyer;
  };
  ChangeAhead Ahead(std::string_view hold_id, std::string_view buyer) const {
    return {.hold = holds_.Hash(hold_id),
            .buyer = buyer.empty() ? HashedKey{} : buyers_.Hash(buyer)};
  }
  // False: it is so small that its records are in the caches anyway.
  bool IsWorthPrefetching() const { return holds_.size() > kSegmentEntriesMax; }
  void PrefetchSegments(const ChangeAhead& ahead) const {
    holds_.PrefetchSegment(ahead.hold.hash);
    if (!ahead.buyer.key.empty()) buyers_.PrefetchSegment(ahead.buyer.hash);
  }
  void PrefetchPlaces(const ChangeAhead& ahead) const {
    holds_.PrefetchPlaces(ahead.hold);
    if (!ahead.buyer.key.empty()) buyers_.PrefetchPlaces(ahead.buyer);
  }
  struct Candidates {
    const HoldPtr* hold;
    const BuyerUsePtr* use;
  };
  Candidates PrefetchCandidates(const ChangeAhead& ahead) const {
    return {.hold = holds_.FirstCandidate(ahead.hold.hash),
            .use = ahead.buyer.key.empty() ? nullptr : buyers_.FirstCandidate(ahead.buyer.hash)};
  }
  static void PrefetchRecords(const Candidates& candidates) {
    if (candidates.hold != nullptr) __builtin_prefetch(candidates.hold->get());
    if (candidates.use != nullptr) __builtin_prefetch(candidates.use->get());
  }

  // Places in the log, written by Stamp (stock_apply.h) and read by whoever holds back replies: the
  // last change of the available units, the options or a buyer's use, and the last change at all.
  uint64_t available_stamp = 0;
  uint64_t any_stamp = 0;

 private:
  friend class ItemChange;  // the writer behind Apply
  friend class ItemAudit;
  friend class ItemPieces;  // snapshots
  friend class ItemPeek;    // tests

  // How far the count is. Holds that were to be forgotten by `since` are forgotten first: whether a
  // sweep had come by already must not show in a buyer's use.
  struct Counting {
    UnixMs since;
    uint64_t from = 0;   // in the holds' container
    size_t counted = 0;  // holds: where the next slice ends must not hang on how they are stored
  };

  using LiveHolds = Deadlines<Hold, MadeThenId>;
  using FinishedHolds = Deadlines<Hold, IdOnly>;
  using Refs = Deadlines<Ref, IdOnly>;
  static constexpr size_t kPiecesPerSweep = 16;

  // How many holds of a queue one sweep may take.
  template <typename Queue>
  uint32_t CountFirst(const Queue& queue, UnixMs up_to, uint32_t most) const;

  Stock stock_;
  ItemOptions options_;
  ForgottenUnits forgotten_;
  uint64_t seq_ = 0;
  UnixMs changed_at_;
  bool counts_buyers_;
  std::optional<Counting> counting_;
  size_t block_bytes_ = 0;  // of holds, buyers and refs
  RecordTaker* taker_ = nullptr;

  SegmentedSet<HoldPtr, HoldTraits> holds_;
  SegmentedSet<BuyerUsePtr, BuyerUseTraits> buyers_;
  SegmentedSet<RefPtr, RefTraits> refs_;
  LiveHolds live_;          // by deadline
  FinishedHolds finished_;  // by forget_at, fences among them
  FinishedHolds fences_;    // by forget_at: the first ones go first above fence-max
  Refs refs_by_forget_;     // by forget_at
};

}  // namespace holdfast
