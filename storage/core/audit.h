// Audit: recomputes every sum of a SKU from its holds and compares. Shows a fault before it is
// sold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "storage/core/item.h"

namespace holdfast {

struct AuditReport {
  uint64_t holds = 0;      // looked at, live and remembered
  std::string_view fault;  // the first sum that did not add up; empty: sound

  bool sound() const { return fault.empty(); }
};

// In slices, so that no turn of a shard stalls behind it: the item must not change from the first
// step to the last. Remembers each buyer until then, and compares them and the deadlines in the
// last.
class ItemAudit {
 public:
  explicit ItemAudit(const Item& item) : item_(item) {}

  // Looks at about `count` holds more; true when all were seen and report() is complete.
  bool Step(size_t count);
  const AuditReport& report() const { return report_; }

 private:
  void Check(bool holds, std::string_view fault);
  void LookAt(const Hold& hold);
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
  std::unordered_map<std::string_view, Units> used_;  // by buyer
};

// All at once.
AuditReport Audit(const Item& item);

}  // namespace holdfast
