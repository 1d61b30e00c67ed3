#include "storage/core/timing_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

void TimerNode::Unlink() {
  *link = next;
  if (next != nullptr) next->link = link;
  next = nullptr;
  link = nullptr;
}

void TimerNode::Relink(TimerNode& copy) {
  Invariant(linked());
  copy = *this;
  *link = &copy;
  if (next != nullptr) next->link = &copy.next;
  next = nullptr;
  link = nullptr;
}

void TimingWheel::Insert(TimerNode& node, UnixMs deadline) {
  Invariant(!node.linked());
  node.deadline = deadline;
  File(node, TickOf(deadline));
}

void TimingWheel::Move(TimerNode& node, UnixMs deadline) {
  Invariant(node.linked());
  const UnixMs before = std::exchange(node.deadline, deadline);
  if (deadline >= before) return;  // its bucket comes up in time, and files it anew
  node.Unlink();
  File(node, TickOf(deadline));
}

std::optional<UnixMs> TimingWheel::NextWork() const {
  const auto event = NextEvent();
  if (!event) return std::nullopt;
  return FromUnixMs(static_cast<int64_t>(event->tick + 1) * kTickMs);
}

uint64_t TimingWheel::TickOf(UnixMs instant) {
  return static_cast<uint64_t>(std::max<int64_t>(0, ToUnixMs(instant)) / kTickMs);
}

void TimingWheel::File(TimerNode& node, uint64_t tick) {
  constexpr uint64_t kFarthest = (uint64_t{1} << (kLevels * kLevelBits)) - 1;
  const uint64_t distance = tick <= tick_ ? 0 : std::min(tick - tick_, kFarthest);
  const int level_index =
      distance == 0 ? 0 : (static_cast<int>(std::bit_width(distance)) - 1) / kLevelBits;
  Level& level = levels_[static_cast<size_t>(level_index)];
  const uint64_t bucket = ((tick_ + distance) >> (level_index * kLevelBits)) % kBuckets;
  TimerNode*& head = level.buckets[bucket];
  node.next = head;
  node.link = &head;
  if (head != nullptr) head->link = &node.next;
  head = &node;
  level.occupied[bucket / 64] |= uint64_t{1} << (bucket % 64);
}

TimerNode* TimingWheel::NextUpTo(UnixMs now) {
  // A bucket comes up when its tick is wholly past: then so are all deadlines in it.
  const uint64_t present = TickOf(now);
  const auto event = NextEvent();
  if (!event || event->tick >= present) {
    tick_ = std::max(tick_, present);
    return nullptr;
  }
  tick_ = event->tick;
  return levels_[static_cast<size_t>(event->level)].buckets[event->bucket];
}

bool TimingWheel::FileAnew(TimerNode& node, UnixMs now) {
  node.Unlink();
  const uint64_t tick = TickOf(node.deadline);
  const bool due = tick <= tick_;
  File(node, due ? TickOf(RetryAt(now)) : tick);
  return due;
}

std::optional<TimingWheel::Event> TimingWheel::NextEvent() const {
  std::optional<Event> next;
  // From the top: where two levels come up at the same tick, the higher one feeds the lower one
  // first.
  for (int level = kLevels - 1; level >= 0; --level) {
    const int shift = level * kLevelBits;
    const bool at_start_of_bucket = (tick_ & ((uint64_t{1} << shift) - 1)) == 0;
    // The bucket around tick_ was emptied at its first tick. What lies there since then is a whole
    // turn away.
    const uint64_t first = (tick_ >> shift) + (at_start_of_bucket ? 0 : 1);
    const auto offset = NextOccupied(levels_[static_cast<size_t>(level)], first % kBuckets);
    if (!offset) continue;
    const uint64_t tick = (first + *offset) << shift;
    if (!next || tick < next->tick) {
      next = Event{.tick = tick, .level = level, .bucket = (first + *offset) % kBuckets};
    }
  }
  return next;
}

std::optional<uint64_t> TimingWheel::NextOccupied(const Level& level, uint64_t from) {
  // One word more than there are: the first one is looked at again for the bits before `from`.
  for (uint64_t step = 0; step <= kBuckets / 64; ++step) {
    const uint64_t word = (from / 64 + step) % (kBuckets / 64);
    uint64_t bits = level.occupied[word];
    if (step == 0) bits &= ~uint64_t{0} << (from % 64);
    while (bits != 0) {
      const auto bit = static_cast<uint64_t>(std::countr_zero(bits));
      const uint64_t bucket = word * 64 + bit;
      if (level.buckets[bucket] != nullptr) return (bucket - from) % kBuckets;
      level.occupied[word] &= ~(uint64_t{1} << bit);
      bits &= bits - 1;
    }
  }
  return std::nullopt;
}

}  // namespace holdfast
