// Scenario "masks": a crowd of buyers at a sale, over a few connections, through the server's death
// and restart if somebody kills it meanwhile; then the audit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/arguments.h"
#include "bench/masks/crowd.h"
#include "storage/base/status.h"

namespace holdfast::bench {

// The ledger as the server tells it, after the sale.
struct ServerLedger {
  int64_t supplied = 0;
  int64_t available = 0;
  int64_t held = 0;
  int64_t sold = 0;
  int64_t audit_holds = 0;
  int64_t audit_bad = 0;
};

struct MasksResult {
  std::string sku;
  std::string ending;  // why the sale ended
  double seconds = 0;  // from the first click
  CrowdCounts counts;
  ServerLedger ledger;
  uint64_t connections_lost = 0;
  uint64_t reconnects = 0;
  uint64_t buyers_with_units = 0;
  int64_t most_units_of_a_buyer = 0;
  uint64_t answers_checked = 0;          // by the audit
  std::vector<std::string> differences;  // empty: every promise was kept
};

// One thread, the caller's. Not ok when the scenario could not be carried out at all.
Status RunMasks(const Arguments& arguments, MasksResult& result);

// The audit of masks_audit.cc: the server's ledger and each hold against the buyers' records.
Status AuditMasks(const Arguments& arguments, const Crowd& crowd, MasksResult& result);

std::string MasksSummary(const Arguments& arguments, const MasksResult& result);
std::string MasksJson(const Arguments& arguments, const MasksResult& result);

}  // namespace holdfast::bench
