#include "server/shard/slot_locks.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

bool SlotLocks::Free(Slot slot) const {
  return idle() || (everywhere_.empty() && !Held(slot) && !lines_.contains(slot));
}

bool SlotLocks::Free(const SlotList& slots) const {
  if (idle()) return true;
  return !slots.empty() && std::ranges::all_of(slots, [&](Slot slot) { return Free(slot); });
}

void SlotLocks::Enqueue(Visit visit) {
  const VisitId id = ++last_id_;
  if (visit.slots.empty()) everywhere_.push_back(id);
  for (const Slot slot : visit.slots) lines_[slot].push_back(id);
  visits_.emplace(id, std::move(visit));
}

bool SlotLocks::IsReady(VisitId id, const Visit& visit) const {
  if (all_held_) return false;
  if (visit.slots.empty()) return held_.empty() && visits_.begin()->first == id;
  if (!everywhere_.empty() && everywhere_.front() < id) return false;
  return std::ranges::all_of(visit.slots, [&](Slot slot) {
    return !held_.contains(slot) && lines_.at(slot).front() == id;
  });
}

std::vector<SlotLocks::VisitId> SlotLocks::Ready() const {
  std::vector<VisitId> ready;
  const auto look = [&](VisitId id) {
    if (IsReady(id, visits_.at(id))) ready.push_back(id);
  };
  if (!everywhere_.empty()) look(everywhere_.front());
  for (const auto& [slot, line] : lines_) {
    // Once for each visit: at the first of its slots.
    if (visits_.at(line.front()).slots.front() == slot) look(line.front());
  }
  std::ranges::sort(ready);
  return ready;
}

SlotLocks::Visit SlotLocks::Leave(VisitId id) {
  const auto at = visits_.find(id);
  Invariant(at != visits_.end());
  Visit visit = std::move(at->second);
  visits_.erase(at);
  if (visit.slots.empty()) {
    Invariant(everywhere_.front() == id);
    everywhere_.pop_front();
  }
  for (const Slot slot : visit.slots) {
    const auto line = lines_.find(slot);
    Invariant(line->second.front() == id);
    line->second.pop_front();
    if (line->second.empty()) lines_.erase(line);
  }
  return visit;
}

void SlotLocks::Hold(const SlotList& slots) {
  Invariant(!all_held_);
  if (slots.empty()) {
    Invariant(held_.empty());
    all_held_ = true;
  }
  for (const Slot slot : slots) {
    const bool fresh = held_.insert(slot).second;
    Invariant(fresh);
  }
}

void SlotLocks::Release(const SlotList& slots) {
  if (slots.empty()) {
    Invariant(all_held_);
    all_held_ = false;
  }
  for (const Slot slot : slots) {
    const size_t erased = held_.erase(slot);
    Invariant(erased == 1);
  }
}

}  // namespace holdfast
