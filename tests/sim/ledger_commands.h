// What the simulated shop asks for: every verb of stock, often about the same few holds, so that
// retries, clashes and refusals happen; and ordinary keys, copied from one to another.
#pragma once

#include <deque>
#include <random>
#include <string>
#include <vector>

#include "storage/base/server_time.h"

namespace holdfast {

using CommandLine = std::vector<std::string>;

class LedgerCommands {
 public:
  explicit LedgerCommands(std::mt19937_64& random) : random_(random) {}

  static constexpr int kSkus = 5;
  // The SKUs that are there from the first life on.
  static CommandLine Create(int sku, UnixMs now);

  // What one client asks for in a row: mostly one command.
  std::deque<CommandLine> Some(UnixMs now);
  CommandLine Read();

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool Chance(int one_in) { return Below(one_in) == 0; }
  std::string Sku() { return "sku-" + std::to_string(Below(kSkus)); }
  std::string Hold() { return "hold-" + std::to_string(Below(kHolds)); }
  std::string Number(int least, int most) {
    return std::to_string(least + Below(most - least + 1));
  }
  std::string Instant(UnixMs now, int span_ms);

  CommandLine Any(UnixMs now);
  CommandLine Reserve();
  CommandLine OfHold();
  CommandLine OfStock(UnixMs now);
  CommandLine Set(UnixMs now);
  CommandLine OfKeys();
  CommandLine CopyOf(const std::string& number);

  static constexpr int kHolds = 8;
  std::mt19937_64& random_;
};

}  // namespace holdfast
