#include "storage/core/audit.h"

#include <limits>

#include "storage/base/random.h"

namespace holdfast {

void ItemAudit::Check(bool holds, std::string_view fault) {
  if (!holds && report_.fault.empty()) report_.fault = fault;
}

bool ItemAudit::Step(size_t count) {
  from_ = item_.holds_.Scan(from_, count, [this](const HoldPtr& hold) { LookAt(*hold); });
  if (from_ != 0) return false;
  CompareSums();
  if (!item_.counting()) CompareBuyers();
  CompareRefs();
  return true;
}

void ItemAudit::LookAt(const Hold& hold) {
  ++report_.holds;
  sums_.held += hold.HeldUnits();
  sums_.sold += hold.SoldUnits();
  sums_.returned += hold.returns().units;
  const uint64_t print = Item::LiveHolds::FingerprintOf(hold.until(), hold);
  (hold.IsLive() ? live_ : finished_) += print;
  if (hold.IsFence()) fences_ += print;
  if (item_.counts_buyers_ && !hold.buyer().empty()) Count(hold.buyer(), -hold.UsedUnits());

  Check(hold.IsFence() == (hold.units == 0), "only a fence has no units");
  Check(hold.SoldUnits() >= 0, "a hold returned more than it sold");
  Check(hold.returns().units == 0 || hold.state == HoldState::kConfirmed,
        "units returned, never sold");
  Check(hold.returns().kept <= hold.returns().units, "a hold's limit keeps more than was returned");
  Check(!hold.IsFence() || !hold.IsLive(), "a fence is live");
}

void ItemAudit::CompareSums() {
  const Stock& stock = item_.stock_;
  Check(Balanced(stock), "available + held + sold is not supplied");
  Check(sums_.held == stock.held, "held differs from the live holds");
  Check(sums_.sold + item_.forgotten_.sold == stock.sold, "sold differs from the confirmed holds");
  Check(sums_.returned + item_.forgotten_.returned == stock.returned,
        "returned differs from the confirmed holds");
  // Neither a hold without its deadline nor a deadline without its hold.
  Check(live_ == item_.live_.Fingerprint(), "the deadlines are not those of the live holds");
  Check(finished_ == item_.finished_.Fingerprint(), "finished holds are not all to be forgotten");
  Check(fences_ == item_.fences_.Fingerprint(), "the fences are not the holds without units");
}

void ItemAudit::Count(std::string_view buyer, Units units) {
  const uint64_t hash = item_.buyers_.Hash(buyer).hash;
  excess_ += (Random(hash).Next() | 1) * static_cast<uint64_t>(units);
  if (item_.forgotten_.used != 0) excess_of_[hash] += units;
}

// Forgotten holds are not told apart by buyer; but no buyer may have less than their remembered
// holds say, and the excess of all must be what was forgotten: an error in one buyer's use cannot
// hide behind another's.
void ItemAudit::CompareBuyers() {
  item_.buyers_.ForEach([&](const BuyerUsePtr& use) { Count(use->buyer(), use->units); });
  if (item_.forgotten_.used == 0) {
    return Check(excess_ == 0, "the buyers' use differs from their holds");
  }
  Units excess = 0;
  for (const auto& [hash, units] : excess_of_) {
    Check(units >= 0, "a buyer's use is less than their holds");
    excess += units;
  }
  Check(excess == item_.forgotten_.used, "the buyers' use differs from their holds");
}

void ItemAudit::CompareRefs() {
  Check(item_.refs_.size() == item_.refs_by_forget_.size(), "a ref that is never forgotten");
}

AuditReport Audit(const Item& item) {
  ItemAudit audit(item);
  while (!audit.Step(std::numeric_limits<size_t>::max())) {
  }
  return audit.report();
}

}  // namespace holdfast
