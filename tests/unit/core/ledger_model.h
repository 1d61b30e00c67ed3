// The plain model: what the contract says, computed the slow way. It keeps every hold that ever
// was, forgets by looking at the time, and sums up everything anew for each question. No mutations,
// no queues, no counters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/core/stock.h"

namespace holdfast {

class LedgerModel {
 public:
  struct OldHold {
    std::string id = {};
    std::string buyer = {};
    std::string meta = {};
    std::string reason = {};
    HoldState state = HoldState::kHeld;
    bool fence = false;
    Units asked = 0;
    Units units = 0;
    Units returned = 0;
    Units kept = 0;
    UnixMs made = kNever;
    UnixMs deadline = kNever;
    UnixMs forget_at = kNever;
    bool evicted = false;  // above fence-max
    bool counted = false;  // in its buyer's use
  };
  struct OldRef {
    std::string ref;
    std::string what;  // was asked
    Units applied = 0;
    UnixMs forget_at = kNever;
  };

  LedgerModel(Units units, const ItemOptions& item_options, const LedgerLimits& ledger_limits)
      : options(item_options),
        limits_(ledger_limits),
        supplied_(units),
        counting_(item_options.limit > 0) {}

  // Each answers as ToText of the ledger's outcome.
  std::string Reserve(const struct ReserveRequest& request);
  std::string Amend(const std::string& id, Units units);
  std::string Confirm(const struct ConfirmRequest& request);
  std::string Release(const std::string& id, const std::string& reason);
  std::string Extend(const std::string& id, DurationMs ttl);
  std::string Adjust(const AdjustRequest& request);
  std::string Return(const ReturnRequest& request);
  std::string Set(const ItemOptions& now_options);
  void Settle(UnixMs due);

  OldHold* Find(std::string_view id);
  Units Held() const;
  Units Sold() const;
  Units Returned() const;
  Units Available() const { return supplied_ - Held() - Sold(); }
  Units Sellable() const;
  Units UseOf(std::string_view buyer) const;
  size_t LiveHolds() const;
  UnixMs NextDeadline() const;

  UnixMs now = kNever;
  uint64_t seq = 1;
  ItemOptions options;

 private:
  UnixMs ForgetTime() const;
  std::string Guard(Units more, Units whole, std::string_view buyer, bool partial, Units in_hand);
  std::string Tell(const OldHold& hold) const;
  Units Rest(std::string_view buyer) const;
  OldRef* FindRef(std::string_view ref);
  // Runs a transition: seq moves by its events, then by the crossing of 0.
  template <typename F>
  void Change(uint64_t events, F&& change);

  LedgerLimits limits_;
  Units supplied_;
  bool counting_;
  std::vector<OldHold> holds_;
  std::vector<OldRef> refs_;
};

}  // namespace holdfast
