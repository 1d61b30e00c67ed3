// ReplicationMachine: the rules by which one node of a group leads or follows. Primary-backup over
// the log, with epochs: the primary acks a batch when it is durable on every member of the sync
// set, itself among them, so whichever member leads next has all that was acked.
//
// Who may lead. Each epoch has one primary, and every start as primary opens a new one. To open it
// a node needs the promise, made durable, of every member that the epoch's sync set will have: to
// append nothing of an older epoch, and to have no other primary in this one. A promise is refused
// to a log that ends in an older epoch, or before an index that is known to be acked. What an epoch
// begins with, the batch that opens it, names primary and sync set: so a node is a member from the
// moment when its log has it, and with it all that came before.
//
//   - One node acks in an epoch: the members promised it to one.
//   - What is acked stays: it is on every member. A successor is a member (of the last epoch in its
//     log), and from its promise on, nobody acks in the old epoch: that would take its own disk.
//   - Whoever answers a read leads. A member that hears a primary does not take over from it for
//     the length of a lease; the primary answers while it has the lease of every member.
//   - A replica applies only what is acked: so a tail is cut without undoing anything. Who led
//     before has applied its tail, and must load again what is left when that is cut.
//
// Pure: no clock, no I/O, no thread. Whoever drives it (the host) hands in messages, time and what
// the disk has done, and carries out the actions, in order, before the next input. The host owns
// records, files and links; the machine knows of the log where it ends and which epoch wrote what.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "server/replication/message.h"
#include "storage/epochs.h"
#include "storage/group.h"
#include "storage/history.h"
#include "storage/log.h"

namespace holdfast {

enum class ReplicationRole : uint8_t { kReplica, kPrimary };

// Why a node does not lead, though it was told to or did before.
enum class LeadRefusal : uint8_t {
  kNotMember,  // it is not in the sync set: it may lack what was acked
  kLeft,       // it promised an epoch that leaves it out
  kBehind,     // a member knows more than its log holds
  kTakeover,   // another node takes over from it
};

// ---- what the host is to do

// Any link, any time; it may be lost.
struct SendMessage {
  NodeId to{};
  ReplicationMessage message{};
};
// Make it durable, then PromiseKept.
struct KeepPromise {
  Promise promise{};
};
// Append them to the log as they are; StoredUpTo as they become durable.
struct StoreRecords {
  std::vector<LogRecord> records{};
};
// Cut what lies behind `last` off the log, durably, then ResetDone. With `reload` the state holds
// some of it: it is to be loaded anew, up to the acked index.
struct CutLog {
  Index last = 0;
  bool reload = false;
};
// Have the group's record be this (server/replication/group_store.h), in the version that it comes
// to have there, then GroupSwapped. It may be asked for again, or come to nothing, meanwhile.
struct SwapGroup {
  Epoch epoch = 0;
  Group group{};
};
// Append the batch that opens the epoch, behind whatever was pushed so far; call Opened with its
// index before any other input. The state is to be that of the whole log before a command decides.
struct OpenEpoch {
  Epoch epoch = 0;
  Group group{};
};
// Send records of the log that lie between these, one at least, then call Shipped; or
// NotShipped.
struct ShipRecords {
  NodeId to{};
  Index from = 0;
  Index up_to = 0;
};
// The log no longer reaches back to where it would have to go on: send the state. Asked again while
// one is on its way, go on with that.
struct SendSnapshot {
  NodeId to{};
};
// All batches up to here survive whatever this history promises: release replies, apply.
struct AckedUpTo {
  Index index = 0;
};
struct RoleChanged {
  ReplicationRole role{};
};
struct LeadRefused {
  LeadRefusal why{};
};
// What the primary sends contradicts what is known to be acked: somebody was forced to lead who may
// not. Nothing is taken from it.
struct Diverged {
  NodeId primary{};
};

using ReplicationAction =
    std::variant<SendMessage, KeepPromise, StoreRecords, CutLog, SwapGroup, OpenEpoch, ShipRecords,
                 SendSnapshot, AckedUpTo, RoleChanged, LeadRefused, Diverged>;

// What a snapshot says of itself.
struct SnapshotHead {
  Epoch epoch = 0;  // of the primary that sends it
  HistoryId history{};
  Epochs epochs{};  // up to its end
  LogPlace last{};  // what it holds, all of it acked
};

class ReplicationMachine {
 public:
  // As the disk has it at a start.
  struct Node {
    NodeId id{};
    HistoryId history{};
    Promise promise{};
    Epochs epochs{};
    Index first = 1;  // the log begins here: what is below is in the snapshot
    Index last = 0;
    Index acked = 0;  // as far as the disk knows
  };
  struct Timing {
    Uptime heartbeat{50};          // a primary is silent no longer
    Uptime patience{200};          // a replica asks again when it has heard nothing so long
    Uptime lease{500};             // counted by who grants it; who has it counts on nine tenths
    Uptime change_patience{3000};  // a change of the sync set, or handing over, is given up
  };

  ReplicationMachine(Node node, Timing timing, Uptime now);

  // ---- what somebody wants; carried out when the group lets it

  // As the primary of the history's next epoch: after a restart with the same sync set, else
  // instead of the last primary. `without`: members that are believed to be lost for good; that is
  // for a person to say, for if one of them is not, and leads on its own, the history parts.
  void Lead(const std::vector<NodeId>& without = {});
  // The primary to ask; whoever else shows the right to an epoch is followed as well.
  void Follow(const NodeId& primary);
  // A primary: to a member, which leads as soon as it has all, and a change of the sync set that is
  // under way is done; nothing more should be pushed meanwhile. Until then, or until this is given
  // up, no read is answered. False: this node does not lead, or that one may not.
  bool HandOver(const NodeId& to, std::optional<Uptime> patience = std::nullopt);
  void GiveUpHandOver();
  // By an epoch with another sync set, instead of a change that is under way. `asked` of those that
  // leave promise to; who leaves without that must be known to be lost. False: not the primary.
  bool ChangeSyncSet(std::vector<Member> sync_set, const std::vector<NodeId>& asked);

  // ---- what happens
  // Whether Receive would end this node's lead: the host takes no batch from then on, and says with
  // Pushed where the log ends, before it calls that (or Follow).
  bool Deposes(const NodeId& from, const ReplicationMessage& message) const;
  void Receive(const NodeId& from, const ReplicationMessage& message, Uptime now);
  void Tick(Uptime now);
  void PromiseKept(Epoch epoch);
  // The group's record is this epoch's, in this version; nothing: it is another's.
  void GroupSwapped(Epoch epoch, std::optional<uint64_t> version);
  // A primary: batches up to here are in its log.
  void Pushed(Index last);
  // Either: the log is durable up to here. None that was made before a cut, after it.
  void StoredUpTo(Index index);
  void ResetDone();
  void Opened(const OpenEpoch& open, Index first);
  void Shipped(const NodeId& to, Index last);
  // There is no link, or no longer: the replica will say where its log ends.
  void NotShipped(const NodeId& to);
  void Trimmed(Index first);
  // A snapshot has come whole. True: put it in the place of log and state, durably, then ResetDone;
  // not before the actions so far are carried out, for without the promise that is among them its
  // log would pass for a backup's, which may lead on its own. False: it is no use any more.
  bool Install(const NodeId& from, const SnapshotHead& head, Uptime now);

  // Whether anything is to be done, and what: each action once.
  bool idle() const { return actions_.empty(); }
  std::vector<ReplicationAction> TakeActions();

  // ---- how it stands
  // Whether Lead would be tried: as a member, or where a history begins, or goes on from a backup.
  // (An emptied replica, if it were promoted, would know of no sale.)
  bool MayLead() const { return epochs_.group().Has(id_) || (!primary_ && !bound_); }
  const NodeId& id() const { return id_; }
  const HistoryId& history() const { return history_; }
  ReplicationRole role() const { return role_; }
  bool leads() const { return role_ == ReplicationRole::kPrimary; }
  // Wants to lead, or to change the sync set, and waits for promises.
  bool campaigning() const { return campaign_.has_value(); }
  const Promise& promise() const { return promise_; }
  const Epochs& epochs() const { return epochs_; }
  Epoch epoch() const { return leads() ? epochs_.last() : promise_.epoch; }
  Index last() const { return last_; }
  Index stored() const { return stored_; }
  Index acked() const { return acked_; }
  // A primary: acks begin with the batch that opened its epoch.
  bool serves() const { return leads() && acked_ >= opening_; }
  // Until then nobody else leads: what this state says is so, if it is acked. Look at the clock
  // after the state. Uptime::max(): for good, alone in its sync set.
  Uptime LeaseUntil() const;
  bool handing_over() const { return hand_over_.has_value(); }
  // A replica's log, as the primary knows it; 0: not at all.
  Index MatchOf(const NodeId& replica) const;
  // How far a primary's log may be shipped there, as it stands.
  Index ShipsUpTo(const NodeId& to) const;
  // Whom a replica follows, or asks; and whether that one has spoken as a primary since.
  const std::optional<NodeId>& primary() const { return primary_; }
  bool HearsPrimary(Uptime span) const { return hears_ && now_ - heard_ < span; }
  Uptime heard() const { return heard_; }
  // A replica has all that its primary said is acked.
  bool has_all() const { return acked_ >= told_; }
  AppendRecords HeadOfAppend(Index from) const;

 private:
  struct Campaign {
    Epoch epoch = 0;
    std::vector<Member> sync_set{};
    std::set<NodeId> asked{};  // whose promises it takes, this node's among them
    std::set<NodeId> given{};
    bool takeover = false;
    bool forced = false;   // leaves somebody out who is not asked
    bool may_end = false;  // give_up_at counts
    Uptime give_up_at{0};
    Epoch again_with = 0;  // refused: at again_at
    Uptime again_at{0};
    bool swapping = false;  // all have promised: the group's record is being changed
  };
  struct Handing {
    NodeId to{};
    Uptime give_up_at{0};
  };
  struct Replica {
    Index match = 0;
    Index next = 0;  // 0: unknown, it must say where its log ends
    Uptime lease_from{0};
    bool shipping = false;
    bool rewound = false;  // while shipping
  };

  // machine.cc
  void Do(ReplicationAction action) { actions_.push_back(std::move(action)); }
  void Tell(const NodeId& to, ReplicationMessage::Body body);
  void Promises(Promise promise);
  void StepDown();
  LogPlace PlaceOf(Index index) const { return {.epoch = epochs_.At(index), .index = index}; }
  void ResetLog(Index last);

  // machine_leading.cc
  static Campaign CampaignFor(std::vector<Member> sync_set);
  void Begin(Campaign campaign);
  void AskAll();
  void SwapIfPromised();
  void TickCampaign();
  void ShipToMembers();
  void ShipTo(const NodeId& to, Replica& replica);
  void BeatTo(const NodeId& to, const Replica& replica);
  void AdvanceAcked();
  void TickHandOver();
  void On(const NodeId& from, const PromiseGiven& given);
  void On(const NodeId& from, const PromiseRefused& refused);
  void On(const NodeId& from, const FollowFrom& follow);
  void On(const NodeId& from, const Stored& stored);
  void On(const NodeId& from, const Outdated& outdated);

  // machine_following.cc
  std::optional<PromiseRefusal> Objection(const NodeId& from, const AskPromise& ask) const;
  bool Accepts(const NodeId& from, Epoch epoch);
  bool Matches(const LogPlace& place) const;
  bool TakeIn(const NodeId& from, const std::vector<LogRecord>& records);
  void Learn(Index acked);
  void ReportStored();
  void On(const NodeId& from, const AskPromise& ask);
  void On(const NodeId& from, const AppendRecords& append);
  void On(const NodeId& from, const TakeOver& take_over);

  const NodeId id_;
  const Timing timing_;
  HistoryId history_;
  Promise promise_;
  bool bound_;      // has promised an epoch to another node: it is that one's history
  Epoch kept_ = 0;  // the promise is durable up to here
  Epochs epochs_;
  Index first_;
  Index last_;
  Index stored_;              // durable
  Index acked_;               // known to be
  Index applied_;             // what the state holds
  std::deque<Index> resets_;  // where the log ends after each cut that is not done yet

  ReplicationRole role_ = ReplicationRole::kReplica;
  std::optional<Campaign> campaign_;
  Index opening_ = 0;
  std::map<NodeId, Replica> replicas_;  // that follow, or must
  std::optional<Handing> hand_over_;
  Uptime yielded_at_{0};  // leases from before are not counted

  std::optional<NodeId> primary_;  // to follow
  Index verified_;        // the log is the same as that of the promised epoch's primary up to here
  Uptime lease_from_{0};  // by the primary's clock
  Uptime lease_until_;    // by this one's: it takes over from nobody before
  Index told_ = 0;        // acked, as the primary says
  bool hears_ = false;
  Uptime heard_{0};
  Uptime asked_{0};
  Uptime beaten_{0};
  Uptime now_;

  std::vector<ReplicationAction> actions_;
};

}  // namespace holdfast
