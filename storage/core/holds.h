// The life of a hold, decided: RESERVE, CONFIRM, RELEASE, EXTEND, AMEND.
//
//              .-> CONFIRMED <-- RECLAIM --.
//   RESERVE -> HELD ---- deadline -----> EXPIRED
//              '-> RELEASED
//
// A hold id that is known is answered first of all, by its state now and without a mutation: so a
// retry takes no second unit, even after the SKU closed or sold out. Then the guards, in the order
// the contract promises: CLOSED, EARLY > BADQTY (more than MAXQTY) > NEEDBUYER > LIMIT > SHORT,
// SOLDOUT.
//
// Requires, of every decider: nothing is due (!HasDue(item, instant)); ids and quantities within
// the bounds of units.h; instant.now never decreases per item. Mutations hold views into the
// request.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "storage/base/server_time.h"
#include "storage/core/item.h"
#include "storage/core/stock_mutations.h"
#include "storage/core/stock_terms.h"
#include "storage/core/units.h"

namespace holdfast {

// ---- RESERVE and AMEND answer in one shape ----

enum class ReserveStatus : uint8_t {
  kHeld,
  kConfirmed,
  kReleased,
  kExpired,
  kSoldOut,
  kShort,
  kLimit,
  kEarly,
  kClosed,
  // Misuse, not an answer:
  kHoldMismatch,  // RESERVE: the id exists with other units or buyer
  kNoHold,        // AMEND: no such hold
  kNeedBuyer,     // the SKU has a LIMIT, the request no buyer
  kBadQuantity,   // more than the SKU's MAXQTY
};

struct ReserveOutcome {
  ReserveStatus status;
  Units units = 0;     // in hand
  UnixMs ms = kNever;  // HELD: deadline, EARLY: opening, CLOSED: closing, else kNever
  Units n = 0;         // sellable now; LIMIT: what the buyer may still take
};

struct ReserveRequest {
  std::string_view hold_id;
  Units units = 0;
  std::string_view buyer = {};  // empty: none
  std::optional<DurationMs> ttl = std::nullopt;
  bool partial = false;
  bool final = false;
  std::string_view meta = {};
};

using ReserveDecision = Decision<ReserveOutcome, HoldTaken>;
ReserveDecision DecideReserve(const Item& item, const ReserveRequest& request,
                              const LedgerLimits& limits, Instant instant);

struct AmendRequest {
  std::string_view hold_id;
  Units units = 0;  // absolute
};

using AmendDecision = Decision<ReserveOutcome, HoldAmended>;
AmendDecision DecideAmend(const Item& item, const AmendRequest& request, Instant instant);

// ---- CONFIRM ----

enum class ConfirmStatus : uint8_t {
  kConfirmed,
  kExpired,
  kReleased,
  kNoHold,
  kHoldMismatch,  // confirmed already, with another QTY
  kBadQuantity,   // QTY above the hold's units
};

struct ConfirmOutcome {
  ConfirmStatus status;
  Units units = 0;  // sold
};

struct ConfirmRequest {
  std::string_view hold_id;
  std::optional<Units> quantity = std::nullopt;
  bool reclaim = false;
};

using ConfirmDecision = Decision<ConfirmOutcome, std::variant<HoldConfirmed, HoldReclaimed>>;
ConfirmDecision DecideConfirm(const Item& item, const ConfirmRequest& request,
                              const LedgerLimits& limits, Instant instant);

// ---- RELEASE ----

enum class ReleaseStatus : uint8_t { kReleased, kExpired, kConfirmed };

struct ReleaseOutcome {
  ReleaseStatus status;
  Units units = 0;  // that this hold gave back
};

struct ReleaseRequest {
  std::string_view hold_id;
  std::string_view reason = {};
};

using ReleaseDecision = Decision<ReleaseOutcome, std::variant<HoldReleased, FenceLeft>>;
ReleaseDecision DecideRelease(const Item& item, const ReleaseRequest& request,
                              const LedgerLimits& limits, Instant instant);

// ---- EXTEND ----

enum class ExtendStatus : uint8_t { kHeld, kConfirmed, kReleased, kExpired, kNoHold };

struct ExtendOutcome {
  ExtendStatus status;
  UnixMs deadline = kNever;  // kNever unless HELD
};

struct ExtendRequest {
  std::string_view hold_id;
  DurationMs ttl;
};

using ExtendDecision = Decision<ExtendOutcome, HoldExtended>;
ExtendDecision DecideExtend(const Item& item, const ExtendRequest& request,
                            const LedgerLimits& limits, Instant instant);

}  // namespace holdfast
