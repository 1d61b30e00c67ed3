// Deadlines: things in order of an instant, for the sweeps that take the first ones.
//
// A B-tree rather than a heap or a timing wheel: the order is total, so every machine sweeps the
// same things first; a finished hold leaves from the middle at once; no growth ever copies the
// whole; and the common insert, a deadline later than all others, touches only the last leaf. An
// entry carries the instant beside the pointer, so a search reads the thing itself only where two
// instants are equal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <absl/container/btree_set.h>

#include "storage/base/invariant.h"
#include "storage/base/random.h"
#include "storage/base/server_time.h"
#include "storage/core/pair48.h"

namespace holdfast {

// Tie: static bool Before(const Thing&, const Thing&), a total order among things of one instant.
// The queue owns nothing; a thing's place in the order must not change while it is in the queue.
template <typename Thing, typename Tie>
class Deadlines {
 public:
  class Entry {
   public:
    Entry(UnixMs at, Thing& thing) : thing_at_(reinterpret_cast<uintptr_t>(&thing), ToBits48(at)) {}
    UnixMs at() const { return FromBits48(thing_at_.second()); }
    Thing& thing() const {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what is saved here
      return *reinterpret_cast<Thing*>(thing_at_.first());
    }

   private:
    Pair48 thing_at_;  // a process has 47 or 48 bits of addresses
  };

  void Add(UnixMs at, Thing& thing) {
    // The hint pays where deadlines come in order, as they do with one TTL for all.
    const size_t before = entries_.size();
    entries_.insert(entries_.end(), Entry(at, thing));
    Invariant(entries_.size() == before + 1);
  }

  // All at once, in any order: ten times as fast as adding each, for every insert touches the last
  // leaf. Requires: empty.
  void Fill(std::vector<Entry> entries) {
    Invariant(empty());
    std::ranges::sort(entries, Order{});
    for (const Entry& entry : entries) entries_.insert(entries_.end(), entry);
    Invariant(entries_.size() == entries.size());
  }

  void Remove(UnixMs at, Thing& thing) {
    const size_t erased = entries_.erase(Entry(at, thing));
    Invariant(erased == 1);
  }

  // A sum over the entries, whatever their order, that differs if one of them is missing, strange
  // or twice there. Reads the entries alone.
  uint64_t Fingerprint() const {
    uint64_t sum = 0;
    for (const Entry& entry : entries_) sum += FingerprintOf(entry.at(), entry.thing());
    return sum;
  }
  // What an entry adds to it.
  static uint64_t FingerprintOf(UnixMs at, const Thing& thing) {
    const auto address = reinterpret_cast<uintptr_t>(&thing);
    return Random(Random(address).Next() ^ static_cast<uint64_t>(ToUnixMs(at))).Next();
  }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const Entry& First() const { return *entries_.begin(); }  // Requires: not empty
  UnixMs FirstInstant() const { return empty() ? kNever : First().at(); }

  // How many of the first `most` lie at or before `up_to`.
  uint32_t CountUpTo(UnixMs up_to, uint32_t most) const {
    return CountUpTo(up_to, most, [](const Thing&) { return true; });
  }
  // Those before the first that is not wanted.
  template <typename F>
  uint32_t CountUpTo(UnixMs up_to, uint32_t most, F&& wanted) const {
    uint32_t count = 0;
    for (auto entry = entries_.begin(); entry != entries_.end() && entry->at() <= up_to; ++entry) {
      if (count == most || !wanted(entry->thing())) break;
      ++count;
    }
    return count;
  }

  // Near enough: nodes are full where deadlines came in order, two thirds full where they did not.
  size_t MemoryBytes() const { return entries_.size() * sizeof(Entry) * 4 / 3; }

 private:
  struct Order {
    bool operator()(const Entry& a, const Entry& b) const {
      if (a.at() != b.at()) return a.at() < b.at();
      return Tie::Before(a.thing(), b.thing());
    }
  };

  absl::btree_set<Entry, Order> entries_;
};

// Live holds: (deadline, made, hold id).
struct MadeThenId {
  template <typename Thing>
  static bool Before(const Thing& a, const Thing& b) {
    if (a.made() != b.made()) return a.made() < b.made();
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
