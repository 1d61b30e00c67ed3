#include "tests/sim/snapshots.h"

namespace holdfast {

void SimSnapshots::Request() {
  if (running_) return;
  running_ = true;
  ++number_;
  partitions_ = 0;
  taken_ = {};
}

void SimSnapshots::Finish(Index acked, SimSnapshot& current) {
  if (!running_ || partitions_ < kPartitions) return;
  if (!AreAcked(taken_.cuts, acked)) return;
  current = taken_;
  running_ = false;
}

}  // namespace holdfast
