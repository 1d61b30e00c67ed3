// SlotLocks: whose turn it is. Ordinarily nobody waits and nothing is held; then a command goes
// right in. A visit is whatever cannot: a command that finds its slot taken or has to wait for a
// sweep, and one shard's part of a group, which holds its slots from its grant to its end.
//
//   slot 17   line: [visit 4] [visit 7]     held by a group: nobody goes in
//   slot 90   line: [visit 4]               visit 4 needs both and goes in when it is first in both
//   everywhere:     [visit 9]               waits for all before it, and all behind it wait
//
// A visit joins all its lines at once, so two visits stand in the same order wherever they meet:
// within a shard they never wait for each other in a circle. Groups lock shard by shard, in
// ascending order, so a group waits only for those that stand before it on the same shard or are on
// a later one, and there is no circle over shards either.
//
// The unit is the slot and not the key: a group keeps its keys for the time of a few turns, slots
// are 16,384, and FLUSHALL, SWAPDB, SCAN and the sweeps need to know about whole slots anyway.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include "storage/base/slot.h"

namespace holdfast {

// Ascending, each once. Empty: every slot of the shard.
using SlotList = std::vector<Slot>;

class SlotLocks {
 public:
  using VisitId = uint64_t;

  struct Visit {
    SlotList slots;
    std::string request;  // packed as in a letter
  };

  // Nobody waits and nothing is held.
  bool idle() const { return visits_.empty() && held_.empty() && !all_held_; }
  // Whether a newcomer may go right in.
  bool Free(Slot slot) const;
  bool Free(const SlotList& slots) const;
  bool Held(Slot slot) const { return all_held_ || (!held_.empty() && held_.contains(slot)); }
  bool AnyHeld() const { return all_held_ || !held_.empty(); }

  void Enqueue(Visit visit);
  size_t waiting() const { return visits_.size(); }
  // Those that may go in now, in the order of their arrival.
  std::vector<VisitId> Ready() const;
  // Valid until it leaves.
  const Visit& At(VisitId id) const { return visits_.at(id); }
  // It went in. With Hold, its slots are its own until Release.
  Visit Leave(VisitId id);

  // Requires: none of them is held.
  void Hold(const SlotList& slots);
  void Release(const SlotList& slots);

 private:
  bool IsReady(VisitId id, const Visit& visit) const;

  VisitId last_id_ = 0;
  absl::btree_map<VisitId, Visit> visits_;
  absl::btree_map<Slot, std::deque<VisitId>> lines_;
  std::deque<VisitId> everywhere_;
  absl::flat_hash_set<Slot> held_;
  bool all_held_ = false;
};

}  // namespace holdfast
