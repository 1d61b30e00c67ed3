// Group: the nodes that hold one history between them, and who leads. A primary is one for an
// epoch; what it acks is durable on every member of its sync set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/id.h"
#include "storage/log.h"

namespace holdfast {

// A data directory, whatever machine or address it is at: an emptied one is another node.
using NodeId = Id<struct NodeOfGroup>;

// Counts the starts as primary in a history: a restart, a promotion, a change of the sync set. 0:
// none yet.
using Epoch = uint64_t;

// Of a batch. Two logs of one history that have a batch at the same place are the same up to there.
struct LogPlace {
  Epoch epoch = 0;
  Index index = 0;

  bool operator==(const LogPlace&) const = default;
};

struct Member {
  NodeId id;
  std::string address{};  // host:port, where it answers other nodes; empty: not told

  bool operator==(const Member&) const = default;
};

// One epoch's: who leads, and whose disks an ack waits for (the primary's own is among them). The
// version counts changes, for stores that compare and swap.
struct Group {
  NodeId primary{};
  std::vector<Member> sync_set{};
  uint64_t version = 0;

  bool operator==(const Group&) const = default;

  bool Has(const NodeId& id) const {
    return std::ranges::any_of(sync_set, [&](const Member& member) { return member.id == id; });
  }
};

// Made durable before it is given, and kept: no append and no other primary below this epoch, and
// in this epoch none but of this primary.
struct Promise {
  Epoch epoch = 0;
  NodeId primary{};
  // Given by a node that the epoch leaves out: it may not lead again before it is taken back in.
  bool leaving = false;

  bool operator==(const Promise&) const = default;

  // To another node, by the one of this name. (That of a new directory is to nobody.)
  bool IsToAnother(const NodeId& self) const { return primary != self && primary != NodeId{}; }
};

}  // namespace holdfast
