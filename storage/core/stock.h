// A SKU's life, decided: STOCK.CREATE, SET, ADJUST, RETURN, DROP, and the two sweeps: settling
// holds that are due and forgetting what was remembered long enough.
//
// Requires, of every decider but the sweeps: nothing is due; see holds.h for the rest.
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

// ---- STOCK.CREATE, STOCK.SET ----

// The options a command named; those it did not name stay as they are.
struct OptionsChange {
  std::optional<Units> limit = std::nullopt;
  std::optional<Units> maxqty = std::nullopt;
  std::optional<Units> safety = std::nullopt;
  std::optional<UnixMs> opens = std::nullopt;
  std::optional<UnixMs> closes = std::nullopt;
  std::optional<DurationMs> ttl = std::nullopt;
  std::optional<DurationMs> retain = std::nullopt;
  std::optional<bool> paused = std::nullopt;
};

enum class OptionsStatus : uint8_t {
  kOk,
  kBadWindow,  // it would close before it opens
};

using CreateDecision = Decision<OptionsStatus, ItemCreated>;
CreateDecision DecideCreate(Units units, const OptionsChange& options, Instant instant);

using SetDecision = Decision<OptionsStatus, ItemOptionsSet>;
SetDecision DecideSet(const Item& item, const OptionsChange& change, Instant instant);

// ---- STOCK.ADJUST ----

enum class AdjustStatus : uint8_t {
  kAdjusted,
  kShort,
  kStale,
  kHoldMismatch,  // the ref is known, for something else
  kBadQuantity,   // the supply would leave int64
};

struct AdjustOutcome {
  AdjustStatus status;
  Units delta = 0;  // applied
  Units available = 0;
};

struct AdjustRequest {
  std::string_view ref;
  Units delta = 0;
  std::string_view reason = {};
  std::optional<Units> if_available = std::nullopt;
  bool clamp = false;
};

using AdjustDecision = Decision<AdjustOutcome, StockAdjusted>;
AdjustDecision DecideAdjust(const Item& item, const AdjustRequest& request,
                            const LedgerLimits& limits, Instant instant);

// ---- STOCK.RETURN ----

enum class ReturnStatus : uint8_t {
  kReturned,
  kNoHold,
  kHoldMismatch,  // the ref is known, for something else
  kBadQuantity,   // not confirmed, or fewer units not yet returned
};

struct ReturnOutcome {
  ReturnStatus status;
  Units units = 0;
  Units available = 0;
};

struct ReturnRequest {
  std::string_view hold_id;
  std::string_view ref;
  Units units = 0;
  ReturnTarget target = ReturnTarget::kAvailable;
  bool keep_limit = false;
};

using ReturnDecision = Decision<ReturnOutcome, StockReturned>;
ReturnDecision DecideReturn(const Item& item, const ReturnRequest& request,
                            const LedgerLimits& limits, Instant instant);

// ---- STOCK.DROP ----

enum class DropStatus : uint8_t {
  kDropped,
  kProtected,  // holds live, and no FORCE
};

using DropDecision = Decision<DropStatus, ItemDropped>;
DropDecision DecideDrop(const Item& item, bool force, Instant instant);

// ---- Sweeps: at most `most` (<= kSweepMax) at once, in one order everywhere ----

// Whether a command on the SKU must wait for a sweep.
inline bool HasDue(const Item& item, Instant instant) {
  return item.counting() || (item.live_holds() > 0 && item.NextDeadline() <= instant.due);
}
std::optional<HoldsExpired> DecideSettle(const Item& item, const LedgerLimits& limits,
                                         Instant instant, uint32_t most = kSweepMax);

// The next slice while buyers are being counted; this one before any other sweep.
using CountSlice = std::variant<HoldsForgotten, BuyersCounted>;
std::optional<CountSlice> DecideCountBuyers(const Item& item, Instant instant,
                                            uint32_t most = kSweepMax);

std::optional<HoldsForgotten> DecideForgetHolds(const Item& item, Instant instant,
                                                uint32_t most = kSweepMax);
std::optional<RefsForgotten> DecideForgetRefs(const Item& item, Instant instant,
                                              uint32_t most = kSweepMax);

// ---- What STOCK.GET calls the state ----

enum class SaleState : uint8_t { kPaused, kEarly, kClosed, kSoldOut, kOpen };
SaleState SaleStateOf(const Item& item, UnixMs now);

}  // namespace holdfast
