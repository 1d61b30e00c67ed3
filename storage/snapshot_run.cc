#include "storage/snapshot_run.h"

#include <algorithm>

namespace holdfast {

bool AreAcked(const Cuts& cuts, Index durable) {
  return *std::ranges::max_element(cuts) <= durable;
}

}  // namespace holdfast
