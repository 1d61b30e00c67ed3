#include "storage/core/audit.h"

#include <limits>

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
  sums_.returned += hold.returned;
  const uint64_t print = Item::LiveHolds::FingerprintOf(hold.until, hold);
  (hold.IsLive() ? live_ : finished_) += print;
  if (hold.IsFence()) fences_ += print;
  if (item_.counts_buyers_ && !hold.buyer().empty()) used_[hold.buyer()] += hold.UsedUnits();

  Check(hold.IsFence() == (hold.units == 0), "only a fence has no units");
  Check(hold.SoldUnits() >= 0, "a hold returned more than it sold");
  Check(hold.returned == 0 || hold.state == HoldState::kConfirmed, "units returned, never sold");
  Check(hold.kept <= hold.returned, "a hold's limit keeps more than was returned");
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

// Forgotten holds are not told apart by buyer; but no buyer may have less than their remembered
// holds say, and the excess of all must be what was forgotten: an error in one buyer's use cannot
// hide behind another's.
void ItemAudit::CompareBuyers() {
  Units excess = 0;
  item_.buyers_.ForEach([&](const BuyerUsePtr& use) {
    const auto found = used_.find(use->buyer());
    const Units remembered = found == used_.end() ? 0 : found->second;
    Check(use->units >= remembered, "a buyer's use is less than their holds");
    excess += use->units - remembered;
    if (found != used_.end()) used_.erase(found);
  });
  Check(excess == item_.forgotten_.used, "the buyers' use differs from their holds");
  // Who is left is not counted at all: right only for one who never had a unit since counting
  // began.
  for (const auto& [buyer, units] : used_) Check(units == 0, "a buyer is not counted");
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
