// ReplicationHost: one node of a group, put together: the machine that decides, the log that
// remembers, links to other nodes, and the shards that hold the state.
//
//   links ──messages──► machine ──actions──► log, links
//                          │ acked                       ┌► AckedIndex: replies leave (a primary)
//                          └──────────────► Standing ────┤
//   log ──► LogStream ──letters──► shards (a replica)    └► follows, answers_until
//
// The state in the shards is a load of snapshot and log, up to what is acked, and goes on from
// there by the stream. It never goes back: whoever led and is deposed, or takes another's state,
// has the server load it anew (Options::reload).
//
// Owner: one thread, which calls Turn whenever one of its wakers was woken, and at short intervals.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config.h"
#include "server/replication/control.h"
#include "server/replication/group_store.h"
#include "server/replication/log_stream.h"
#include "server/replication/machine.h"
#include "server/replication/state_wire.h"
#include "server/server_state.h"
#include "storage/log_reader.h"
#include "storage/rocks_log.h"

namespace holdfast {

// The links to other nodes, as far as the host must know them.
class ReplicationLinks {
 public:
  virtual ~ReplicationLinks() = default;
  // What is appended leaves at the end of the turn. Null: there is no link to that node.
  virtual std::string* OutTo(const NodeId& node) = 0;
  // Bytes that wait for its socket.
  virtual size_t UnsentTo(const NodeId& node) const = 0;
  // Unless there is one, a link is tried, soon.
  virtual void WantLink(const NodeAddress& address) = 0;
};

class ReplicationHost {
 public:
  struct Options {
    std::function<UnixMs()> now;     // the server clock; any thread
    std::function<void()> reload;    // wanted: StopServing, load up to ReloadUpTo, Serve
    std::function<Config()> config;  // what is in force
    // No snapshot is being taken when it returns, nor before the next Serve.
    std::function<void()> stop_snapshots;
    ReplicationMachine::Timing timing{};
  };

  // All outlive it. The log was replayed, and follows. `waker` has Turn called.
  ReplicationHost(RocksLog& log, ServerState& server, ReplicationLinks& links, GroupStore& groups,
                  Waker* waker, Index first, Index acked, Options options);

  // ---- the server's part
  // The shards hold the state up to `applied`.
  void Serve(Post& post, std::vector<Waker*> loops, Index applied);
  // They go.
  void StopServing();
  Index ReloadUpTo() const { return std::min(machine_->acked(), log_.Durable()); }

  // ---- what happens
  void Turn(Uptime now);
  // Whose link to that address it is; empty: it came to us.
  void LinkIsUp(const NodeId& node, const NodeAddress& announced, const NodeAddress& dialed);
  void LinkIsDown(const NodeId& node);
  // Not ok: the link is to be closed.
  Status TakeFrame(const NodeId& from, std::string_view frame);

  // ---- what somebody wants
  void Follow(const NodeAddress& primary);
  void Lead();
  void RemoveMember(const NodeAddress& replica);
  void HandOver(const std::optional<NodeAddress>& to, std::optional<DurationMs> patience);
  void GiveUpHandOver();

  ReplicationStatus Describe() const;
  // Leads and serves, or follows and has heard of a primary: clients may come in.
  bool settled() const { return settled_; }
  // Others are to be heard of soon: Turn is to be called at short intervals.
  bool busy() const;

 private:
  // How far a state is on its way to a node; nothing is sent of it before the node has said from
  // where on.
  enum class StateStep : uint8_t { kOffered, kSending, kSent };
  // Another node, as far as it is linked.
  struct Peer {
    NodeAddress address{};
    Uptime heard{0};
    std::unique_ptr<LogReader> reader{};
    std::optional<Index> ship{};           // from here on
    std::unique_ptr<StateReader> state{};  // until the node has all of it; keeps the log, too
    StateStep state_step = StateStep::kOffered;
    bool takes_state() const { return state && state_step != StateStep::kSent; }
  };
  // A state that a node had not all of when its link went down.
  struct HalfSent {
    std::unique_ptr<StateReader> state{};
    Uptime until{0};
  };
  // What became of the group's record for an epoch; nothing: it is another one's.
  struct Swapped {
    Epoch epoch = 0;
    std::optional<uint64_t> version{};
  };
  struct Arrival {
    NodeId from{};
    Index complete_at = 0;
    bool rows_done = false;
  };

  void Receive(const NodeId& from, const ReplicationMessage& message);
  Status TakeState(const NodeId& from, const StateMessage& message);
  Status Take(const NodeId& from, const StateBegins& begins);
  Status Take(const NodeId& from, const StateRows& rows);
  Status Take(const NodeId& from, const StateEnds& ends);
  Status Take(const NodeId& from, const StateWanted& wanted);
  Status Take(const NodeId& from, const StateDeclined& declined);
  void BeginArrival(const NodeId& from, const StateHead& head);
  bool IsArrivingFrom(const NodeId& from) const;
  void Answer(const NodeId& to, const HistoryId& history, const StateMessage& answer);
  void BeginOver();
  void BeginOverWith(const NodeId& primary);

  void Work();
  void Carry(const SendMessage& send);
  void Carry(const KeepPromise& keep);
  void Carry(const StoreRecords& store);
  void Carry(const CutLog& cut);
  void Carry(const SwapGroup& swap);
  void Carry(const OpenEpoch& open);
  void Carry(const ShipRecords& ship);
  void Carry(const SendSnapshot& send);
  void Carry(const AckedUpTo& acked);
  void Carry(const RoleChanged& changed);
  void Carry(const LeadRefused& refused);
  void Carry(const Diverged& diverged);

  void Heed(const GroupRecord& record);
  void SyncForReplicas(Index durable);
  void Depose();
  void NoteMembersWait(Index durable);
  void PumpShips();
  bool ShipTo(const NodeId& to, Peer& peer);
  void PumpStates();
  void KeepHalfSent(const NodeId& node, Peer& peer);
  std::unique_ptr<StateReader> TakeHalfSent(const NodeId& node);
  void DropStates();
  void PumpStream();
  void GrowSyncSet();
  void LeaveOutLeaving(const std::vector<NodeId>& asked);
  void PumpLeaving();
  void NoteTrim();
  void FinishArrival();
  ReplicaStatus DescribeReplica(const NodeId& node, const Peer& peer) const;
  void Publish();
  void PublishFollowing();
  void WakeLoops();
  bool holds_nothing() const;
  bool alone() const;
  std::optional<NodeId> NodeAt(const NodeAddress& address) const;
  NodeAddress AddressOf(const NodeId& node) const;
  // What a node that does not give up would say over and over, it says once a second.
  bool MayWarn();
  void Must(const Status& status, std::string_view what) const;

  RocksLog& log_;
  ServerState& server_;
  ReplicationLinks& links_;
  GroupStore& groups_;
  Waker* const waker_;
  const Options options_;
  std::unique_ptr<ReplicationMachine> machine_;
  Uptime now_{0};
  Config config_;
  Uptime config_read_{0};
  Index first_;  // of the log
  Uptime trim_noted_{0};

  std::map<NodeId, Peer> peers_;
  std::map<NodeId, HalfSent> half_sent_;
  // Inputs that wait until the machine's actions are carried out.
  std::vector<Epoch> kept_;
  size_t resets_ = 0;
  std::vector<Swapped> swapped_;

  NodeAddress wanted_primary_;
  std::set<NodeId> leaving_;  // the sync set, as somebody said
  Uptime leave_again_at_{0};
  std::optional<Arrival> arrival_;  // a state on its way here
  // Whose rows those are that the log keeps of a state when its link went down.
  NodeId arrived_from_{};
  std::unique_ptr<LogStream> stream_;
  std::vector<Waker*> loops_;
  bool serves_log_ = false;     // batches that shards push are taken
  bool reload_wanted_ = false;  // what the shards hold is of no use
  bool holds_writes_ = false;   // as it hands over
  bool settled_ = false;
  Uptime warned_{0};
  Uptime synced_{0};
  Uptime grown_{0};
  Index acked_then_ = 0;
  UnixMs down_since_ = kNever;
  // What is durable here and waits for a member of the sync set, and since when.
  struct MembersWait {
    Index index = 0;
    Uptime since{0};
    Uptime told{0};
  };
  std::optional<MembersWait> members_wait_;
};

}  // namespace holdfast
