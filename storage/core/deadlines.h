// Deadlines: things in order of an instant, for the sweeps that take the first ones.
//
// A B-tree rather than a heap or a timing wheel: the order is total, so every machine sweeps the
// same things first; a finished hold leaves from the middle at once; no growth ever copies the
// whole; and the common insert, a deadline later than all others, touches only the last leaf. An
// entry carries the instant beside the pointer, so a search reads the thing itself only where two
// instants are equal.
#pragma once

#include <cstddef>

#include <absl/container/btree_set.h>

#include "storage/base/invariant.h"
#include "storage/base/server_time.h"

namespace holdfast {

// Tie: static bool Before(const Thing&, const Thing&), a total order among things of one instant.
// The queue owns nothing; a thing's place in the order must not change while it is in the queue.
template <typename Thing, typename Tie>
class Deadlines {
 public:
  struct Entry {
    UnixMs at;
    Thing* thing;
  };

  void Add(UnixMs at, Thing& thing) {
    // The hint pays where deadlines come in order, as they do with one TTL for all.
    const size_t before = entries_.size();
    entries_.insert(entries_.end(), Entry{at, &thing});
    Invariant(entries_.size() == before + 1);
  }

  void Remove(UnixMs at, Thing& thing) {
    const size_t erased = entries_.erase(Entry{at, &thing});
    Invariant(erased == 1);
  }

  bool Contains(UnixMs at, const Thing& thing) const {
    const auto found = entries_.find(Entry{at, const_cast<Thing*>(&thing)});
    return found != entries_.end() && found->thing == &thing;
  }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const Entry& First() const { return *entries_.begin(); }  // Requires: not empty
  UnixMs FirstInstant() const { return empty() ? kNever : First().at; }

  // How many of the first `most` lie at or before `up_to`.
  uint32_t CountUpTo(UnixMs up_to, uint32_t most) const {
    return CountUpTo(up_to, most, [](const Thing&) { return true; });
  }
  // Those before the first that is not wanted.
  template <typename F>
  uint32_t CountUpTo(UnixMs up_to, uint32_t most, F&& wanted) const {
    uint32_t count = 0;
    for (auto entry = entries_.begin(); entry != entries_.end() && entry->at <= up_to; ++entry) {
      if (count == most || !wanted(*entry->thing)) break;
      ++count;
    }
    return count;
  }

  // Near enough: nodes are full where deadlines came in order, two thirds full where they did not.
  size_t MemoryBytes() const { return entries_.size() * sizeof(Entry) * 4 / 3; }

 private:
  struct Order {
    bool operator()(const Entry& a, const Entry& b) const {
      if (a.at != b.at) return a.at < b.at;
      return Tie::Before(*a.thing, *b.thing);
    }
  };

  absl::btree_set<Entry, Order> entries_;
};

// Live holds: (deadline, made, hold id).
struct MadeThenId {
  template <typename Thing>
  static bool Before(const Thing& a, const Thing& b) {
    if (a.made != b.made) return a.made < b.made;
    return a.id() < b.id();
  }
};

// Finished holds, fences and refs: (forget_at, id).
struct IdOnly {
  template <typename Thing>
  static bool Before(const Thing& a, const Thing& b) {
    return a.id() < b.id();
  }
};

}  // namespace holdfast
