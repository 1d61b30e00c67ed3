#include "server/replication/host.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "server/replication/steady_uptime.h"
#include "server/replication/wire.h"
#include "server/server_log.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

constexpr Uptime kReadConfigEvery{100};
constexpr Uptime kGrowEvery{50};
// A primary that is not heard for so long is down, as INFO tells it.
constexpr Uptime kSilence{2000};
// How long a member that is told to go may take to promise that it does.
constexpr Uptime kLeavePatience{1000};
constexpr Uptime kTellOfWaitEvery{5000};

ReplicationMachine::Node NodeOf(const RocksLog& log, Index first, Index acked) {
  return {.id = log.node(),
          .history = log.history().id,
          .promise = log.promise(),
          .epochs = log.epochs(),
          .first = first,
          .last = log.LastPushed(),
          .acked = acked};
}

bool BringsRecords(const ReplicationMessage& message) {
  const auto* append = std::get_if<AppendRecords>(&message.body);
  return append != nullptr && !append->records.empty();
}

int64_t SteadyNs(Uptime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

}  // namespace

ReplicationHost::ReplicationHost(RocksLog& log, ServerState& server, ReplicationLinks& links,
                                 GroupStore& groups, Waker* waker, Index first, Index acked,
                                 Options options)
    : log_(log),
      server_(server),
      links_(links),
      groups_(groups),
      waker_(waker),
      options_(std::move(options)),
      now_(SteadyUptime()),
      first_(first) {
  machine_ = std::make_unique<ReplicationMachine>(NodeOf(log, first, acked), options_.timing, now_);
  server_.standing.follows = true;
  groups_.Watch([this](const GroupRecord& record) { Heed(record); });
}

void ReplicationHost::Must(const Status& status, std::string_view what) const {
  if (status.ok()) return;
  LogWarning(
      "Replication: {}: {}. Stopping: what the disk holds is not what this node has told "
      "others of.",
      what, status.text());
  std::fprintf(stderr, "holdfast: replication: %.*s: %s\n", static_cast<int>(what.size()),
               what.data(), status.text().c_str());
  std::fflush(stderr);
  std::_Exit(1);
}

bool ReplicationHost::MayWarn() {
  if (now_ - warned_ < Uptime{1000}) return false;
  warned_ = now_;
  return true;
}

bool ReplicationHost::alone() const {
  const Group& group = machine_->epochs().group();
  return group.sync_set.size() == 1 && group.Has(machine_->id());
}

bool ReplicationHost::busy() const {
  return !peers_.empty() || !machine_->leads() || !machine_->serves() || machine_->campaigning();
}

// ---- the server's part

void ReplicationHost::Serve(Post& post, std::vector<Waker*> loops, Index applied) {
  loops_ = std::move(loops);
  stream_ = std::make_unique<LogStream>(log_, server_, post, waker_, applied);
  reload_wanted_ = false;
  if (!machine_->leads()) server_.standing.answers_until_ns = Standing::kForGood;
}

void ReplicationHost::StopServing() {
  stream_.reset();
  loops_.clear();
}

void ReplicationHost::WakeLoops() {
  for (Waker* loop : loops_) loop->Wake();
}

// ---- what happens

void ReplicationHost::Turn(Uptime now) {
  now_ = std::max(now, now_);
  if (now_ - config_read_ >= kReadConfigEvery) {
    config_read_ = now_;
    config_ = options_.config();
  }
  // In this order: what is durable was pushed.
  const Index durable = log_.Durable();
  if (serves_log_) machine_->Pushed(log_.LastPushed());
  if (durable <= machine_->last()) machine_->StoredUpTo(durable);
  SyncForReplicas(durable);
  NoteTrim();
  DropStates();
  machine_->Tick(now_);
  PumpLeaving();
  GrowSyncSet();
  Work();
  PumpShips();
  PumpStates();
  Work();
  FinishArrival();
  PumpStream();
  Publish();
  NoteMembersWait(durable);
}

void ReplicationHost::NoteMembersWait(Index durable) {
  if (!machine_->leads()) return members_wait_.reset();
  const Index acked = machine_->acked();
  if (members_wait_ && acked >= members_wait_->index) {
    server_.latency.Add(LatencyEvent::kSyncMember, options_.now(),
                        (now_ - members_wait_->since).count());
    members_wait_.reset();
  }
  if (acked >= durable) return;
  if (!members_wait_) members_wait_ = {.index = durable, .since = now_, .told = now_};
  if (now_ - members_wait_->told < kTellOfWaitEvery) return;
  members_wait_->told = now_;
  for (const Member& member : machine_->epochs().group().sync_set) {
    if (member.id == machine_->id() || machine_->MatchOf(member.id) > acked) continue;
    LogWarning(
        "Replication: nothing is acknowledged since {} s: {} has not stored it. SYNCSET REMOVE {} "
        "goes on without it",
        std::chrono::duration_cast<std::chrono::seconds>(now_ - members_wait_->since).count(),
        member.address, member.address);
  }
}

// A replica is sent what is durable: an ordinary key would reach it a second late.
void ReplicationHost::SyncForReplicas(Index durable) {
  if (!serves_log_ || peers_.empty() || durable >= machine_->last()) return;
  const Uptime interval{config_.replica_sync_interval};
  if (interval.count() == 0 || now_ - synced_ < interval) return;
  synced_ = now_;
  log_.RequestSync(machine_->last());
}

void ReplicationHost::LinkIsUp(const NodeId& node, const NodeAddress& announced,
                               const NodeAddress& dialed) {
  const bool is_second = peers_.count(node) > 0;
  Peer& peer = peers_[node];
  if (!announced.empty()) peer.address = announced;
  peer.heard = now_;
  LogNotice("Replication: linked with node {} at {}", node.Hex(), AddressOf(node).Text());
  const bool is_wanted = !dialed.empty() && dialed == wanted_primary_;
  // An older link may be dead and nobody has noticed yet: what it carried is lost, on both ends.
  const bool was_arriving = is_second && IsArrivingFrom(node);
  if (is_second) KeepHalfSent(node, peer);
  if (was_arriving) {
    BeginOverWith(node);
  } else if (is_wanted && !machine_->leads() && !machine_->campaigning()) {
    machine_->Follow(node);
  }
}

void ReplicationHost::LinkIsDown(const NodeId& node) {
  const auto peer = peers_.find(node);
  if (peer != peers_.end()) {
    KeepHalfSent(node, peer->second);
    peers_.erase(peer);
  }
  machine_->NotShipped(node);
  if (leaving_.count(node) > 0) leave_again_at_ = now_;
  LogNotice("Replication: the link with node {} is down", node.Hex());
  if (IsArrivingFrom(node)) BeginOver();
}

Status ReplicationHost::TakeFrame(const NodeId& from, std::string_view frame) {
  const auto peer = peers_.find(from);
  Invariant(peer != peers_.end());
  peer->second.heard = now_;
  if (IsStateFrame(frame)) {
    StateMessage message;
    if (Status status = DecodeStateFrame(frame, message); !status.ok()) return status;
    return TakeState(from, message);
  }
  ReplicationMessage message;
  if (Status status = DecodeFrame(frame, message); !status.ok()) return status;
  if (arrival_ && !arrival_->rows_done && BringsRecords(message)) {
    // They go behind a state that is here whole. Whoever sends it takes this one for further on.
    if (arrival_->from == from) BeginOverWith(from);
  } else {
    Receive(from, message);
  }
  Work();
  return Status::Ok();
}

void ReplicationHost::Receive(const NodeId& from, const ReplicationMessage& message) {
  if (machine_->Deposes(from, message)) Depose();
  machine_->Receive(from, message, now_);
}

// Before the machine steps down: where the log ends is what it decides by. From here on no reply
// leaves that waits for an ack, for an index may come to stand for another node's batch.
void ReplicationHost::Depose() {
  if (!serves_log_) return;
  Standing& standing = server_.standing;
  standing.answers_until_ns = 0;
  // Alone it has acked what is on its disk; and puts there what is not yet, as it goes in order.
  const bool is_alone = alone();
  if (standing.acked == Standing::kAlone) standing.acked = log_.Durable();
  log_.Follow();
  serves_log_ = false;
  if (is_alone) Must(log_.Flush(), "the log cannot be written");
  machine_->Pushed(log_.LastPushed());
  machine_->StoredUpTo(log_.Durable());
  Work();
}

// ---- what somebody wants

void ReplicationHost::Follow(const NodeAddress& primary) {
  wanted_primary_ = primary;
  settled_ = true;  // until it is linked it shows what it has, as Redis does
  Depose();         // so it is known where the log ends
  const bool is_blank = holds_nothing();
  const auto node = NodeAt(primary);
  // As long as it is not known who that is, nobody is asked.
  machine_->Follow(node.value_or(NodeId{}));
  Work();
  if (is_blank) {
    Must(log_.BecomeAnotherNode(), "beginning as a new node");
    BeginOver();
    if (node) machine_->Follow(*node);
    Work();
  }
  if (!primary.empty()) links_.WantLink(primary);
}

// A history in which nothing ever happened is given up for another one.
bool ReplicationHost::holds_nothing() const {
  const Epochs& epochs = machine_->epochs();
  return machine_->last() == epochs.starts().size() &&
         log_.epochs().starts().size() == machine_->last() && !machine_->promise().leaving &&
         alone();
}

// As if the directory were empty; it is, as soon as a state arrives. (The log keeps what came of
// one so far: RocksLog::GoOnInstalling.)
void ReplicationHost::BeginOver() {
  arrival_.reset();
  const Promise promise = log_.promise();
  machine_ = std::make_unique<ReplicationMachine>(
      ReplicationMachine::Node{.id = log_.node(), .history = {}, .promise = promise},
      options_.timing, now_);
  kept_.clear();
  swapped_.clear();
  resets_ = 0;
  half_sent_.clear();
  for (auto& [node, peer] : peers_) {
    peer.reader.reset();
    peer.ship.reset();
    peer.state.reset();
  }
}

void ReplicationHost::BeginOverWith(const NodeId& primary) {
  BeginOver();
  machine_->Follow(primary);
}

void ReplicationHost::Lead() {
  wanted_primary_ = {};
  machine_->Lead();
  Work();
}

void ReplicationHost::RemoveMember(const NodeAddress& replica) {
  config_ = options_.config();  // which no longer names it, or it would come in again
  const std::vector<Member>& sync_set = machine_->epochs().group().sync_set;
  const auto member = std::ranges::find(sync_set, replica.Text(), &Member::address);
  if (member == sync_set.end() || member->id == machine_->id()) return;
  leaving_.insert(member->id);
  // One that is linked knows then that it may not lead.
  std::vector<NodeId> asked;
  if (peers_.count(member->id) > 0) asked.push_back(member->id);
  leave_again_at_ = now_ + (asked.empty() ? options_.timing.change_patience : kLeavePatience);
  LeaveOutLeaving(asked);
  Work();
}

void ReplicationHost::LeaveOutLeaving(const std::vector<NodeId>& asked) {
  std::vector<Member> sync_set = machine_->epochs().group().sync_set;
  std::erase_if(sync_set, [&](const Member& member) { return leaving_.count(member.id) > 0; });
  machine_->ChangeSyncSet(std::move(sync_set), asked);
}

// Whoever had them removed was told that they go: if they do not answer, they go unasked.
void ReplicationHost::PumpLeaving() {
  const Group& group = machine_->epochs().group();
  std::erase_if(leaving_, [&](const NodeId& node) { return !group.Has(node); });
  if (!machine_->leads()) leaving_.clear();
  if (leaving_.empty() || now_ < leave_again_at_) return;
  leave_again_at_ = now_ + options_.timing.change_patience;
  LeaveOutLeaving({});
}

void ReplicationHost::HandOver(const std::optional<NodeAddress>& to,
                               std::optional<DurationMs> patience) {
  std::optional<NodeId> heir;
  for (const Member& member : machine_->epochs().group().sync_set) {
    if (member.id == machine_->id() || peers_.count(member.id) == 0) continue;
    if (to && member.address != to->Text()) continue;
    if (!heir || machine_->MatchOf(member.id) > machine_->MatchOf(*heir)) heir = member.id;
  }
  if (!heir || !machine_->HandOver(*heir, patience)) return;
  holds_writes_ = true;
  server_.pause.BeginHandOver();
  Work();
}

void ReplicationHost::GiveUpHandOver() {
  machine_->GiveUpHandOver();
  Work();
}

// The configured members that are not in the sync set yet come in once they have caught up: then
// nobody waits for what they lack.
void ReplicationHost::GrowSyncSet() {
  if (now_ - grown_ < kGrowEvery) return;
  grown_ = now_;
  // Under load nobody ever has all: what was acked the last time is close enough.
  const Index enough = std::exchange(acked_then_, machine_->acked());
  if (!machine_->serves() || machine_->campaigning() || machine_->handing_over()) return;
  const Group& group = machine_->epochs().group();
  const std::vector<std::string>& wanted = config_.sync_replicas;
  for (const auto& [node, peer] : peers_) {
    const std::string address = AddressOf(node).Text();
    if (group.Has(node) || std::ranges::count(wanted, address) == 0) continue;
    // An emptied directory is another node, whatever its address: a person says that the one before
    // is lost.
    const bool is_taken = std::ranges::count(group.sync_set, address, &Member::address) > 0;
    if (is_taken || machine_->MatchOf(node) < std::max<Index>(enough, 1)) continue;
    std::vector<Member> sync_set = group.sync_set;
    sync_set.push_back({.id = node, .address = address});
    machine_->ChangeSyncSet(std::move(sync_set), {});
    LogNotice("Replication: {} joins the sync set", address);
    return;
  }
}

// ---- what the machine asks for

void ReplicationHost::Work() {
  while (!machine_->idle() || !kept_.empty() || resets_ > 0 || !swapped_.empty()) {
    for (const ReplicationAction& action : machine_->TakeActions()) {
      std::visit([this](const auto& one) { Carry(one); }, action);
    }
    for (const Epoch epoch : std::exchange(kept_, {})) machine_->PromiseKept(epoch);
    for (; resets_ > 0; --resets_) machine_->ResetDone();
    for (const Swapped& swapped : std::exchange(swapped_, {})) {
      machine_->GroupSwapped(swapped.epoch, swapped.version);
      if (!machine_->idle()) Work();
    }
  }
}

void ReplicationHost::Carry(const SendMessage& send) {
  if (std::string* out = links_.OutTo(send.to); out != nullptr) {
    return AppendFrame(*out, send.message);
  }
  const NodeAddress address = AddressOf(send.to);
  if (!address.empty()) links_.WantLink(address);
}

void ReplicationHost::Carry(const KeepPromise& keep) {
  Must(log_.KeepPromise(keep.promise), "a promise cannot be kept");
  kept_.push_back(keep.promise.epoch);
}

void ReplicationHost::Carry(const StoreRecords& store) {
  for (const LogRecord& record : store.records) {
    Must(log_.Store(record.bytes), "a record cannot be stored");
  }
}

void ReplicationHost::Carry(const CutLog& cut) {
  LogNotice("Replication: cutting the log behind index {}, which was never acknowledged", cut.last);
  Must(log_.CutTo(cut.last), "the log cannot be cut");
  ++resets_;
}

// Whoever asked for this epoch before and was not answered may have it already.
void ReplicationHost::Carry(const SwapGroup& swap) {
  const GroupRecord record = groups_.Get();
  if (record.epoch >= swap.epoch) {
    const bool is_ours = record.epoch == swap.epoch && record.group.primary == machine_->id();
    Swapped swapped{.epoch = swap.epoch};
    if (is_ours) swapped.version = record.group.version;
    swapped_.push_back(swapped);
    return;
  }
  GroupRecord next{.epoch = swap.epoch, .group = swap.group};
  const uint64_t version = next.group.version = record.group.version + 1;
  groups_.CompareAndSwap(record.group.version, next,
                         [this, epoch = swap.epoch, version](bool swapped) {
                           Swapped answer{.epoch = epoch};
                           if (swapped) answer.version = version;
                           swapped_.push_back(answer);
                         });
}

void ReplicationHost::Heed(const GroupRecord& record) {
  const NodeId& primary = record.group.primary;
  if (primary == machine_->id()) return;
  LogNotice("Replication: epoch {} is led by node {}, with a sync set of {}", record.epoch,
            primary.Hex(), record.group.sync_set.size());
  // Known before any node has told of it.
  if (machine_->leads() || record.epoch <= machine_->promise().epoch) return;
  machine_->Follow(primary);
  Work();
}

void ReplicationHost::Carry(const OpenEpoch& open) {
  Group group = open.group;
  if (group.sync_set.size() > 1 && server_.standing.acked == Standing::kAlone) {
    server_.standing.acked = log_.Durable();
  }
  if (group.sync_set.size() > 1) server_.standing.answers_until_ns = 0;
  const Index index = log_.OpenEpoch(open.epoch, std::move(group), options_.now());
  serves_log_ = true;
  machine_->Opened(open, index);
  LogNotice("Replication: this node leads epoch {} from index {} on, with a sync set of {}",
            open.epoch, index, open.group.sync_set.size());
}

void ReplicationHost::Carry(const AckedUpTo& acked) { log_.NoteAcked(acked.index); }

void ReplicationHost::Carry(const RoleChanged& changed) {
  if (changed.role == ReplicationRole::kPrimary) return;
  Invariant(!serves_log_);
  half_sent_.clear();
  LogNotice("Replication: this node no longer leads");
  // What its shards decided may be cut off the log, or was never in it.
  if (server_.standing.follows.exchange(true)) return;
  reload_wanted_ = true;
  options_.reload();
}

void ReplicationHost::Carry(const LeadRefused& refused) {
  settled_ = true;
  switch (refused.why) {
    case LeadRefusal::kNotMember:
      return LogWarning("Replication: this node does not lead: it is not in the sync set");
    case LeadRefusal::kLeft:
      return LogWarning("Replication: this node does not lead: it left the sync set");
    case LeadRefusal::kBehind:
      return LogWarning(
          "Replication: this node does not lead: a member of the sync set knows more");
    case LeadRefusal::kTakeover:
      return LogNotice("Replication: this node does not lead: another one takes over from it");
  }
}

void ReplicationHost::Carry(const Diverged& diverged) {
  if (!MayWarn()) return;
  LogWarning(
      "Replication: the log of {} contradicts what is acknowledged here: nothing is taken from "
      "it. One of the two was made to lead by force; empty the directory of the one whose "
      "data are to go",
      AddressOf(diverged.primary).Text());
}

// ---- the standing

void ReplicationHost::PumpStream() {
  if (!stream_ || arrival_ || reload_wanted_) return;
  if (server_.standing.follows) Must(stream_->Pump(machine_->acked()), "the log cannot be read");
}

void ReplicationHost::Publish() {
  Standing& standing = server_.standing;
  // Not before a server that led says that it follows: what was held back is refused then, and its
  // client goes elsewhere at once.
  if (holds_writes_ && !machine_->handing_over()) {
    holds_writes_ = false;
    server_.pause.EndHandOver();
    WakeLoops();
  }
  const bool leads = machine_->serves() && serves_log_;
  if (!leads) return PublishFollowing();
  const bool was_held = standing.answers_until_ns <= SteadyNs(now_);
  const Index acked = machine_->acked();
  const Index before = standing.acked;
  if (alone()) {
    standing.acked = Standing::kAlone;
    standing.answers_until_ns = Standing::kForGood;
  } else {
    if (before == Standing::kAlone || before < acked) standing.acked = acked;
    standing.answers_until_ns = SteadyNs(machine_->LeaseUntil());
  }
  if (standing.follows && stream_ && !reload_wanted_ && !arrival_) {
    // All that lies before the epoch; what comes behind its opening the shards decide.
    if (stream_->applied() + 1 < machine_->epochs().starts().back().first) return;
    stream_.reset();
    // Buyers are to find their way here before a hold of theirs falls due.
    const bool has_data = machine_->last() > machine_->epochs().starts().size();
    if (has_data) server_.grace_until_ms = ServerState::kGraceArmed;
    standing.follows.store(false, std::memory_order_release);
    settled_ = true;
    WakeLoops();
  } else if (was_held || before != standing.acked) {
    WakeLoops();
  }
}

void ReplicationHost::PublishFollowing() {
  const auto& primary = machine_->primary();
  const bool link_up = !machine_->leads() && primary && peers_.count(*primary) > 0 &&
                       machine_->HearsPrimary(kSilence);
  if (link_up) settled_ = true;
  if (link_up != server_.standing.link_up.exchange(link_up)) {
    down_since_ = link_up ? kNever : options_.now();
  }
  // Of shards that follow nobody waits for an ack; a snapshot of theirs does.
  Standing& standing = server_.standing;
  if (standing.follows && stream_) standing.acked = machine_->acked();
  const bool shows_all = machine_->has_all() && stream_ && stream_->applied() >= machine_->acked();
  if (link_up && shows_all) {
    standing.shows_all_of = options_.now() - DurationMs{now_ - machine_->heard()};
  }
  if (!link_up && !machine_->leads() && !wanted_primary_.empty()) links_.WantLink(wanted_primary_);
}

}  // namespace holdfast
