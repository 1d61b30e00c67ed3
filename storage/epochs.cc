#include "storage/epochs.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

const Group& Epochs::group() const {
  static const Group kNobody;
  return empty() ? kNobody : starts_.back().group;
}

void Epochs::Begin(EpochStart start) {
  Invariant(empty() || start.epoch > starts_.back().epoch);
  Invariant(start.first > (empty() ? 0 : starts_.back().first));
  starts_.push_back(std::move(start));
}

void Epochs::CutTo(Index last) {
  while (!empty() && starts_.back().first > last) starts_.pop_back();
}

void Epochs::TrimTo(Index first) {
  const auto behind = std::ranges::upper_bound(starts_, first, {}, &EpochStart::first);
  if (behind == starts_.begin()) return;
  starts_.erase(starts_.begin(), std::prev(behind));
}

Epoch Epochs::At(Index index) const {
  const auto behind = std::ranges::upper_bound(starts_, index, {}, &EpochStart::first);
  return behind == starts_.begin() ? 0 : std::prev(behind)->epoch;
}

LogPlace Epochs::EndOf(Epoch epoch, Index last) const {
  const auto behind = std::ranges::upper_bound(starts_, epoch, {}, &EpochStart::epoch);
  if (behind == starts_.begin()) return {};
  const Index end = behind == starts_.end() ? last : behind->first - 1;
  return {.epoch = std::prev(behind)->epoch, .index = end};
}

}  // namespace holdfast
