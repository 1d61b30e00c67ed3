// ReplicationOracle: sees every node of a group, and says which promise is broken. It knows the one
// history there may be: what was acked, in order, as the first node to ack it had it.
//
//   one primary      at most one node acks in an epoch
//   nothing lost     every acked batch is in the log of every later primary
//   prefixes         what a replica applies is acked, and the same
//   I1 to I4         over the acked history, by the referee's book (sku_book.h)
//   fresh reads      a primary answers from all that was acked before
//   told is true     what a client was told is in the acked history
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/group.h"
#include "storage/log.h"
#include "tests/sim/sku_book.h"

namespace holdfast {

// One batch of a log: who wrote it, and what. An empty one opens its epoch.
struct LogBatch {
  Epoch epoch = 0;
  std::string mutations{};

  bool operator==(const LogBatch&) const = default;
};

// Batch i is at i - 1; it begins with the history, whatever a node has trimmed.
using LogBatches = std::vector<LogBatch>;

class ReplicationOracle {
 public:
  // `log` of the primary `node` in `epoch`: acked up to here, where it was up to `before`.
  void Acked(const NodeId& node, Epoch epoch, const LogBatches& log, Index before, Index acked);
  // It opened the epoch with its last batch.
  void Opened(const NodeId& node, Epoch epoch, const LogBatches& log);
  void Applied(const NodeId& node, Index index, const LogBatch& batch);
  // A primary answered a read from a state that ends here.
  void Read(const NodeId& node, Index index);
  // A client was told that the hold is there, or that nothing is left, by the state at this index.
  void ToldHeld(Index index, const std::string& hold);
  void ToldSoldOut(Index index);

  Index acked() const { return acked_.size(); }
  const LogBatches& history() const { return acked_; }
  // The first thing that was wrong; empty: nothing.
  const std::string& wrong() const { return wrong_; }
  void Wrong(std::string what);

 private:
  struct Opening {
    NodeId node{};
    Index first = 0;
    LogBatches before{};  // its log, up to there
  };

  void Extend(Epoch epoch, const LogBatch& batch);
  void Judge(const LogBatch& batch);
  bool IsAcked(Index index);

  LogBatches acked_;
  std::vector<Epoch> acked_in_;
  std::map<Epoch, NodeId> acker_;
  std::map<Epoch, Opening> openings_;
  std::optional<SkuBook> book_;
  std::vector<Units> sellable_;  // after each batch
  std::string wrong_;
};

}  // namespace holdfast
