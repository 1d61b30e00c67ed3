// ReplicationControl: what commands ask of replication, and what it tells them. Any thread; nobody
// waits: what is asked is begun, and the status shows what came of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/server_time.h"
#include "storage/base/status.h"
#include "storage/group.h"
#include "storage/history.h"
#include "storage/log.h"

namespace holdfast {

struct NodeAddress {
  std::string host{};
  int64_t port = 0;

  bool operator==(const NodeAddress&) const = default;
  bool empty() const { return host.empty(); }
  // "10.0.0.2:6379", "[fd00::2]:6379".
  std::string Text() const;
};

// Reverses Text. False: it is none.
bool ParseNodeAddress(std::string_view text, NodeAddress& out);

struct LinkHello;  // server/replication/hello.h

enum class ReplicaState : uint8_t { kSendingState, kCatchingUp, kOnline };

struct ReplicaStatus {
  NodeId node{};
  NodeAddress address{};
  ReplicaState state{};
  bool is_member = false;  // an ack waits for it
  Index stored = 0;        // its log, as far as it has said
  DurationMs heard_ago{0};
};

struct ReplicationStatus {
  NodeId node{};
  HistoryId history{};
  Epoch epoch = 0;
  Group group{};
  bool leads = false;        // serves writes
  bool may_lead = false;     // is in the sync set, or nobody's replica
  bool campaigning = false;  // waits for other nodes' promises
  Index last = 0;            // of the log
  Index acked = 0;
  std::vector<ReplicaStatus> replicas{};
  bool handing_over = false;

  // Of a replica.
  NodeAddress primary{};
  bool link_up = false;
  bool loading = false;  // the state is on its way, or being loaded
  Index applied = 0;
  UnixMs down_since = kNever;  // kNever: it is not, or has never been up
  DurationMs heard_ago{0};
};

class ReplicationControl {
 public:
  virtual ~ReplicationControl() = default;

  virtual ReplicationStatus Describe() const = 0;

  // To be a replica of whoever answers there; empty: of whoever shows that it leads.
  virtual void Follow(NodeAddress primary) = 0;
  // To lead. Not ok: this node may not, and why.
  virtual Status Lead() = 0;
  // A primary: no ack waits for this member any more.
  virtual Status RemoveMember(const NodeAddress& replica) = 0;
  // A primary: to this member, or to the one that has most; it leads as soon as it has all. Given
  // up after `patience`, or when somebody says so.
  virtual Status HandOver(const std::optional<NodeAddress>& to,
                          std::optional<DurationMs> patience) = 0;
  virtual Status GiveUpHandOver() = 0;

  // A client turned out to be another node: `descriptor` is its socket, and replication's to close
  // from now on.
  virtual void TakeLink(int descriptor, const LinkHello& hello) = 0;
};

}  // namespace holdfast
