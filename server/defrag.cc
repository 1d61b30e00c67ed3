#include "server/defrag.h"

#include <algorithm>

namespace holdfast {
namespace {

// A pass that moved less than this part of what is free between blocks was the last.
constexpr uint64_t kWorthwhilePart = 16;
// Once begun it goes on down to this part of what is allocated, or to the threshold: the first pass
// always leaves slabs half full.
constexpr int64_t kDonePercent = 6;
// Above what was hopeless by this part of it, it is tried again.
constexpr uint64_t kMoreHopePart = 8;

int64_t WastedPercent(const SlabFigures& figures) {
  return static_cast<int64_t>(figures.free_in_slabs * 100 /
                              std::max<uint64_t>(1, figures.allocated));
}

}  // namespace

int DefragPercent(const SlabFigures& figures, const Config& config) {
  const auto ignored = static_cast<uint64_t>(config.active_defrag_ignore_bytes);
  if (!config.activedefrag || figures.allocated == 0 || figures.free_in_slabs < ignored) return 0;
  const int64_t wasted = WastedPercent(figures);
  const int64_t lower = config.active_defrag_threshold_lower;
  if (wasted < lower) return 0;
  const int64_t span = std::max<int64_t>(1, config.active_defrag_threshold_upper - lower);
  const int64_t above = std::min(wasted - lower, span);
  const int64_t least = config.active_defrag_cycle_min;
  const int64_t most = std::max(least, config.active_defrag_cycle_max);
  return static_cast<int>(least + (most - least) * above / span);
}

void DefragWatch::Look(const SlabFigures& figures, const Config& config, uint64_t bytes_moved,
                       UnixMs now) {
  if (orders_.mover == nullptr) return;
  const int percent = DefragPercent(figures, config);
  const uint64_t wasted = figures.free_in_slabs;
  hopeless_bytes_ = std::min(hopeless_bytes_, wasted);
  if (orders_.pass == 0) {
    if (percent == 0 || wasted < hopeless_bytes_ + hopeless_bytes_ / kMoreHopePart) return;
    orders_.percent = percent;
    orders_.began = now;
    return StartPass(bytes_moved);
  }
  if (!config.activedefrag) return Stop(now);
  // A pass that was begun is ended, however little is left to win, and never slower than it began:
  // the last one has next to nothing to move, and is as long.
  const int most =
      static_cast<int>(std::max(config.active_defrag_cycle_min, config.active_defrag_cycle_max));
  orders_.percent = std::min(std::max(percent, orders_.percent.load()), most);
  if (!PassIsDone()) return;
  const int64_t done = std::min(kDonePercent, config.active_defrag_threshold_lower);
  if (WastedPercent(figures) < done) return Stop(now);
  if (bytes_moved - bytes_moved_before_ >= wasted / kWorthwhilePart) return StartPass(bytes_moved);
  hopeless_bytes_ = wasted;
  Stop(now);
}

bool DefragWatch::PassIsDone() const {
  return std::all_of(orders_.done.begin(), orders_.done.begin() + shards_,
                     [this](const auto& done) { return done.load() == last_pass_; });
}

void DefragWatch::StartPass(uint64_t bytes_moved) {
  bytes_moved_before_ = bytes_moved;
  orders_.pass = ++last_pass_;
}

void DefragWatch::Stop(UnixMs now) {
  orders_.pass = 0;
  orders_.percent = 0;
  orders_.ms_before += (now - orders_.began.load()).count();
  orders_.began = kNever;
}

}  // namespace holdfast
