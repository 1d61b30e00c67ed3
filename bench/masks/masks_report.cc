#include <fmt/core.h>

#include "bench/masks/masks.h"
#include "bench/report.h"

namespace holdfast::bench {

std::string MasksSummary(const Arguments& arguments, const MasksResult& result) {
  const CrowdCounts& counts = result.counts;
  const ServerLedger& ledger = result.ledger;
  const MasksArguments& masks = arguments.masks;
  std::string text = fmt::format(
      "\nmasks: {} buyers, {} units of {}, at most {} each, over {} connections; seed {}\n"
      "  ended             {} after {:.1f} s, {} answers\n"
      "  connections lost  {}, reopened {}; {} requests repeated because of it\n"
      "  early clicks      {}\n"
      "  refused           {} (SOLDOUT or SHORT; they came back)\n"
      "  held              {} holds\n"
      "  confirmed         {} holds, {} units, {} buyers, at most {} units each\n"
      "  released          {} holds\n"
      "  left to expire    {} holds; {} were told EXPIRED\n"
      "  beyond LIMIT      {} tries, all refused as they must be\n"
      "  repeated          {} answered requests, same id, same answer\n"
      "  told to wait      {} (LOADING and the like)\n"
      "audit\n"
      "  the server says   supplied {} = available {} + held {} + sold {}\n"
      "  the buyers say    sold {}\n"
      "  looked up again   {} acknowledged answers\n"
      "  STOCK.AUDIT       {} holds, {} bad\n",
      masks.buyers, masks.stock, result.sku, masks.limit, masks.connections, arguments.seed,
      result.ending, result.seconds, counts.answers, result.connections_lost, result.reconnects,
      counts.repeated_lost, counts.early, counts.refused, counts.held, counts.confirmed,
      counts.confirmed_units, result.buyers_with_units, result.most_units_of_a_buyer,
      counts.released, counts.left, counts.expired, counts.over_limit, counts.repeated,
      counts.told_later, ledger.supplied, ledger.available, ledger.held, ledger.sold,
      counts.confirmed_units, result.answers_checked, ledger.audit_holds, ledger.audit_bad);
  for (const std::string& difference : result.differences) {
    text += fmt::format("  DIFFERENCE        {}\n", difference);
  }
  return text + (result.differences.empty() ? "result: exact, every acknowledged answer is true\n"
                                            : "result: DIFFERENCES, see above\n");
}

std::string MasksJson(const Arguments& arguments, const MasksResult& result) {
  const CrowdCounts& counts = result.counts;
  const ServerLedger& ledger = result.ledger;
  std::string differences;
  for (const std::string& difference : result.differences) {
    differences += (differences.empty() ? "" : ", ") + JsonString(difference);
  }
  return fmt::format(
      "{{\"scenario\": \"masks\", \"sku\": {}, \"seed\": {}, \"ending\": {}, \"seconds\": {:.3f}, "
      "\"answers\": {}, \"connections_lost\": {}, \"reconnects\": {}, \"repeated_lost\": {}, "
      "\"early\": {}, \"refused\": {}, \"held\": {}, \"confirmed\": {}, \"confirmed_units\": {}, "
      "\"released\": {}, \"left\": {}, \"expired\": {}, \"over_limit\": {}, \"repeated\": {}, "
      "\"told_later\": {}, \"buyers_with_units\": {}, \"most_units_of_a_buyer\": {}, "
      "\"answers_checked\": {}, \"supplied\": {}, \"available\": {}, \"server_held\": {}, "
      "\"sold\": {}, \"audit_holds\": {}, \"audit_bad\": {}, \"differences\": [{}]}}\n",
      JsonString(result.sku), arguments.seed, JsonString(result.ending), result.seconds,
      counts.answers, result.connections_lost, result.reconnects, counts.repeated_lost,
      counts.early, counts.refused, counts.held, counts.confirmed, counts.confirmed_units,
      counts.released, counts.left, counts.expired, counts.over_limit, counts.repeated,
      counts.told_later, result.buyers_with_units, result.most_units_of_a_buyer,
      result.answers_checked, ledger.supplied, ledger.available, ledger.held, ledger.sold,
      ledger.audit_holds, ledger.audit_bad, differences);
}

}  // namespace holdfast::bench
