// Audit: recomputes every sum of a SKU from its holds and compares. Shows a fault before it is
// sold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <absl/container/flat_hash_map.h>

#include "storage/core/item.h"

namespace holdfast {

struct AuditReport {
  uint64_t holds = 0;      // looked at, live and remembered
  std::string_view fault;  // the first sum that did not add up; empty: sound

  bool sound() const { return fault.empty(); }
};

// In slices, so that no turn of a shard stalls behind it: the item must not change from the first
// step to the last, which compares the buyers and the deadlines.
class ItemAudit {
 public:
  explicit ItemAudit(const Item& item) : item_(item) {}

  // Looks at about `count` holds more; true when all were seen and report() is complete.
  bool Step(size_t count);
  const AuditReport& report() const { return report_; }

 private:
  void Check(bool holds, std::string_view fault);
  void LookAt(const Hold& hold);
  void Count(std::string_view buyer, Units units);
  void CompareSums();
  void CompareBuyers();
  void CompareRefs();

  const Item& item_;
  AuditReport report_;
  uint64_t from_ = 0;
  Stock sums_;
  // Of the deadlines that the holds should have: storage/core/deadlines.h.
  uint64_t live_ = 0;
  uint64_t finished_ = 0;
  uint64_t fences_ = 0;
  // What the buyers' use has beyond their remembered holds: while the SKU has forgotten nothing, of
  // each buyer nothing at all, and one sum tells (an odd random factor for each, modulo 2^64). Else
  // by the buyer's hash; two who share one are looked at as one.
  uint64_t excess_ = 0;
  absl::flat_hash_map<uint64_t, Units> excess_of_;
};

// All at once.
AuditReport Audit(const Item& item);

}  // namespace holdfast
