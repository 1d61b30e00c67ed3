// What SCAN and its like on one key share: their options, and how long a step may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/glob.h"
#include "server/command.h"

namespace holdfast {

// A turn stays short whatever COUNT and MATCH ask for: a step may give less than COUNT at any time.
inline constexpr int64_t kScanCountMax = 10'000;
// In GlobPattern's unit: some milliseconds, which only patterns and names of many KiB reach.
inline constexpr size_t kScanMatchWorkMax = size_t{1} << 22;

enum class ScanOf : uint8_t { kKeys, kElements };  // only keys have a TYPE to choose by

// One step's options, and what it has spent.
class ScanStep {
 public:
  // Nothing after it has replied an error.
  static std::optional<ScanStep> Read(CommandContext& ctx, Args words, ScanOf what);

  size_t count() const { return count_; }
  std::string_view type() const { return type_; }  // empty: any
  // Whether MATCH lets the name pass.
  bool Selects(std::string_view name) {
    if (!pattern_) return true;
    const size_t cost = pattern_->CostOn(name.size());
    work_ += cost;
    return cost <= kGlobWorkMax && pattern_->Matches(name);
  }
  // Matching took long enough: the step should end here.
  bool IsSpent() const { return work_ >= kScanMatchWorkMax; }

 private:
  ScanStep() = default;

  size_t count_ = 10;
  std::optional<GlobPattern> pattern_;
  std::string_view type_;
  size_t work_ = 0;
};

}  // namespace holdfast
