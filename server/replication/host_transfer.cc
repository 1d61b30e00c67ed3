// How a host brings other nodes what they lack, records or a whole state, and takes a state in.
#include <algorithm>
#include <utility>

#include "server/replication/host.h"
#include "server/replication/wire.h"
#include "server/server_log.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Bytes that may wait for a link's socket before nothing is added to them.
constexpr size_t kUnsentMax = size_t{4} << 20;
constexpr uint64_t kShipBytes = uint64_t{1} << 20;
constexpr uint64_t kStateBytes = uint64_t{256} << 10;
constexpr Uptime kNoteTrimEvery{500};
// How long a node may take to link again and find the same state, of which it has half; and for how
// many nodes one is kept, for each keeps disk space.
constexpr Uptime kHalfSentKept{60'000};
constexpr size_t kHalfSentMax = 8;

}  // namespace

// ---- records

void ReplicationHost::Carry(const ShipRecords& ship) {
  const auto peer = peers_.find(ship.to);
  if (peer == peers_.end()) return machine_->NotShipped(ship.to);
  peer->second.ship = ship.from;
  half_sent_.erase(ship.to);  // it needs none
}

void ReplicationHost::PumpShips() {
  for (auto& [node, peer] : peers_) {
    while (ShipTo(node, peer)) Work();
  }
}

// False: there is nothing that may go, or no room for it.
bool ReplicationHost::ShipTo(const NodeId& to, Peer& peer) {
  if (!peer.ship || peer.takes_state() || links_.UnsentTo(to) >= kUnsentMax) {
    return false;
  }
  std::string* const out = links_.OutTo(to);
  if (out == nullptr) return false;
  const Index before = *peer.ship - 1;
  if (!peer.reader) peer.reader = log_.ReadBehind(before, waker_);
  if (peer.reader->place() != before) peer.reader->SeekBehind(before);
  std::vector<SealedRecord> records;
  const Status status = peer.reader->Read(kShipBytes, records);
  if (status.code() == Status::Code::kNotFound) {
    // It lagged behind for longer than the log is kept: as it asks again, it gets the state.
    peer.reader.reset();
    trim_noted_ = Uptime{0};
    NoteTrim();
    peer.ship.reset();
    machine_->Shipped(to, before);
    return true;
  }
  Must(status, "the log cannot be read");
  const Index up_to = machine_->ShipsUpTo(to);
  std::erase_if(records, [&](const SealedRecord& record) { return record.header.last() > up_to; });
  if (records.empty()) {
    peer.reader->SeekBehind(before);
    return false;
  }
  const Index last = records.back().header.last();
  peer.reader->SeekBehind(last);
  peer.reader->KeepBehind(std::min(machine_->MatchOf(to), before));
  AppendRecords append = machine_->HeadOfAppend(*peer.ship);
  for (const SealedRecord& record : records) {
    append.records.push_back({.epoch = record.header.epoch,
                              .first = record.header.first,
                              .last = record.header.last(),
                              .bytes = record.bytes});
  }
  AppendFrame(*out, {.history = machine_->history(), .body = std::move(append)});
  peer.ship.reset();
  machine_->Shipped(to, last);
  return true;
}

void ReplicationHost::NoteTrim() {
  if (now_ - trim_noted_ < kNoteTrimEvery || arrival_) return;
  trim_noted_ = now_;
  const Index first = log_.FirstIndex();
  if (first <= first_ || first > machine_->acked() + 1) return;
  first_ = first;
  machine_->Trimmed(first);
}

// ---- states

void ReplicationHost::Carry(const SendSnapshot& send) {
  std::string* const out = links_.OutTo(send.to);
  const auto found = peers_.find(send.to);
  if (out == nullptr || found == peers_.end()) return;
  Peer& peer = found->second;
  if (peer.takes_state()) return;
  peer.ship.reset();
  peer.state = TakeHalfSent(send.to);
  const Status status = peer.state ? Status::Ok() : log_.ReadState(peer.state);
  if (!status.ok()) {
    return LogWarning("Replication: the state cannot be read: {}", status.text());
  }
  peer.state_step = StateStep::kOffered;
  const StateHead& head = peer.state->head();
  AppendStateFrame(*out, head.history.id,
                   StateBegins{.epoch = machine_->epochs().last(), .head = head});
}

Status ReplicationHost::Take(const NodeId& from, const StateWanted& wanted) {
  Peer& peer = peers_.at(from);
  // Else it answers an offer that was withdrawn.
  const bool is_offered = peer.state && peer.state_step == StateStep::kOffered &&
                          peer.state->head().mark.number == wanted.snapshot;
  if (!is_offered) return Status::Ok();
  const StateHead& head = peer.state->head();
  if (wanted.rows > head.mark.rows || (wanted.rows == 0) != wanted.after.empty()) {
    return Status::Damaged("a node has rows that the state has not");
  }
  peer.state->SeekBehind(wanted.after);
  peer.state_step = StateStep::kSending;
  if (wanted.rows > 0) {
    LogNotice(
        "Replication: going on with the state to {}, from row {} of {}, and the log from "
        "index {} on",
        AddressOf(from).Text(), wanted.rows, head.mark.rows, head.last.index + 1);
  } else {
    LogNotice(
        "Replication: sending the state to {}: {} keys, {} bytes, and the log from index {} on",
        AddressOf(from).Text(), head.mark.keys, head.mark.bytes, head.last.index + 1);
  }
  return Status::Ok();
}

Status ReplicationHost::Take(const NodeId& from, const StateDeclined& declined) {
  Peer& peer = peers_.at(from);
  const bool is_offered = peer.state && peer.state_step == StateStep::kOffered &&
                          peer.state->head().mark.number == declined.snapshot;
  if (is_offered) peer.state.reset();
  return Status::Ok();
}

void ReplicationHost::PumpStates() {
  std::string packed;
  for (auto& [node, peer] : peers_) {
    if (!peer.state || peer.state_step != StateStep::kSending) continue;
    std::string* const out = links_.OutTo(node);
    if (out == nullptr) continue;
    const HistoryId history = peer.state->head().history.id;
    while (links_.UnsentTo(node) + out->size() < kUnsentMax && peer.takes_state()) {
      packed.clear();
      Must(peer.state->Read(kStateBytes, packed), "the snapshot cannot be read");
      if (packed.empty()) {
        peer.state_step = StateStep::kSent;
        AppendStateFrame(*out, history, StateEnds{});
      } else {
        AppendStateFrame(*out, history, StateRows{.packed = packed});
      }
    }
  }
}

// ---- states that a link took away half way

void ReplicationHost::KeepHalfSent(const NodeId& node, Peer& peer) {
  if (!peer.state || !machine_->leads()) return;
  half_sent_.insert_or_assign(
      node, HalfSent{.state = std::move(peer.state), .until = now_ + kHalfSentKept});
  if (half_sent_.size() <= kHalfSentMax) return;
  half_sent_.erase(
      std::ranges::min_element(half_sent_, {}, [](const auto& half) { return half.second.until; }));
}

// Null: there is none, or the log that goes with it was too much to keep.
std::unique_ptr<StateReader> ReplicationHost::TakeHalfSent(const NodeId& node) {
  const auto found = half_sent_.find(node);
  if (found == half_sent_.end()) return nullptr;
  std::unique_ptr<StateReader> state = std::move(found->second.state);
  half_sent_.erase(found);
  if (log_.FirstIndex() > state->head().last.index + 1) state.reset();
  return state;
}

// Those that a node has, as it can tell what it stored only then; and those that nobody came for.
void ReplicationHost::DropStates() {
  for (auto& [node, peer] : peers_) {
    if (!peer.state || peer.state_step != StateStep::kSent) continue;
    if (machine_->MatchOf(node) >= peer.state->head().last.index) peer.state.reset();
  }
  std::erase_if(half_sent_, [this](const auto& half) { return half.second.until <= now_; });
}

// ---- a state on its way here

Status ReplicationHost::TakeState(const NodeId& from, const StateMessage& message) {
  return std::visit([&](const auto& one) { return Take(from, one); }, message);
}

bool ReplicationHost::IsArrivingFrom(const NodeId& from) const {
  return arrival_ && arrival_->from == from && !arrival_->rows_done;
}

Status ReplicationHost::Take(const NodeId& from, const StateRows& rows) {
  if (!IsArrivingFrom(from)) return Status::Ok();
  Status status = log_.InstallRows(rows.packed);
  if (!status.ok()) BeginOver();
  return status;
}

Status ReplicationHost::Take(const NodeId& from, const StateEnds&) {
  if (!IsArrivingFrom(from)) return Status::Ok();
  Status status = log_.FinishInstall();
  if (!status.ok()) {
    BeginOver();
    return status;
  }
  arrival_->rows_done = true;
  ++resets_;
  Work();
  return Status::Ok();
}

void ReplicationHost::Answer(const NodeId& to, const HistoryId& history,
                             const StateMessage& answer) {
  if (std::string* out = links_.OutTo(to); out != nullptr) AppendStateFrame(*out, history, answer);
}

Status ReplicationHost::Take(const NodeId& from, const StateBegins& begins) {
  const StateHead& head = begins.head;
  const StateDeclined declined{.snapshot = head.mark.number};
  if (machine_->leads()) {
    Answer(from, head.history.id, declined);
    return Status::Ok();
  }
  // The log is being read, or about to be.
  if (reload_wanted_ || (!stream_ && !log_.Installing())) {
    return Status::Busy("a state comes while one is being loaded");
  }
  const SnapshotHead snapshot{
      .epoch = begins.epoch, .history = head.history.id, .epochs = head.epochs, .last = head.last};
  if (!machine_->Install(from, snapshot, now_)) {
    // Else it is late: records have brought what it holds.
    if (head.history.id != machine_->history() && MayWarn()) {
      LogWarning(
          "Replication: the primary at {} is of another history than the data here, which are "
          "not given up for it: start this server on an empty directory",
          AddressOf(from).Text());
    }
    Answer(from, head.history.id, declined);
    Work();
    return Status::Ok();
  }
  BeginArrival(from, head);
  Work();
  return Status::Ok();
}

void ReplicationHost::BeginArrival(const NodeId& from, const StateHead& head) {
  const bool is_same_node = std::exchange(arrived_from_, from) == from;
  const auto place = is_same_node ? log_.GoOnInstalling(head) : std::nullopt;
  if (place) {
    LogNotice("Replication: going on with the state from {}, from row {} of {}",
              AddressOf(from).Text(), place->rows, head.mark.rows);
  } else {
    LogNotice("Replication: taking the state from {}: {} keys, {} bytes", AddressOf(from).Text(),
              head.mark.keys, head.mark.bytes);
    stream_.reset();
    options_.stop_snapshots();
    Must(log_.BeginInstall(head), "a state cannot be taken");
  }
  first_ = head.last.index + 1;
  arrival_ = {.from = from, .complete_at = std::ranges::max(head.mark.cuts)};
  StateWanted wanted{.snapshot = head.mark.number};
  if (place) {
    wanted.rows = place->rows;
    wanted.after = place->key;
  }
  Answer(from, head.history.id, wanted);
}

// Snapshot and log are a state from its newest cut on. (Only now they are put in place: what the
// machine wanted with them, the promise above all, was done when they began to arrive.)
void ReplicationHost::FinishArrival() {
  if (!arrival_ || !arrival_->rows_done) return;
  if (std::min(log_.Durable(), machine_->acked()) < arrival_->complete_at) return;
  Must(log_.CompleteInstall(), "a state cannot be taken");
  arrival_.reset();
  reload_wanted_ = true;
  options_.reload();
}

// ---- who is where

std::optional<NodeId> ReplicationHost::NodeAt(const NodeAddress& address) const {
  for (const auto& [node, peer] : peers_) {
    if (peer.address == address) return node;
  }
  return std::nullopt;
}

NodeAddress ReplicationHost::AddressOf(const NodeId& node) const {
  const auto peer = peers_.find(node);
  if (peer != peers_.end() && !peer->second.address.empty()) return peer->second.address;
  NodeAddress address;
  for (const Member& member : machine_->epochs().group().sync_set) {
    if (member.id == node) ParseNodeAddress(member.address, address);
  }
  return address;
}

ReplicaStatus ReplicationHost::DescribeReplica(const NodeId& node, const Peer& peer) const {
  ReplicaStatus status{.node = node,
                       .address = AddressOf(node),
                       .is_member = machine_->epochs().group().Has(node),
                       .stored = machine_->MatchOf(node),
                       .heard_ago = now_ - peer.heard};
  if (peer.takes_state()) {
    status.state = ReplicaState::kSendingState;
  } else {
    const bool has_all = status.stored >= machine_->acked();
    status.state = has_all ? ReplicaState::kOnline : ReplicaState::kCatchingUp;
  }
  return status;
}

ReplicationStatus ReplicationHost::Describe() const {
  ReplicationStatus status{.node = machine_->id(),
                           .history = machine_->history(),
                           .epoch = machine_->epoch(),
                           .group = machine_->epochs().group(),
                           .leads = machine_->leads() && !server_.standing.follows,
                           .may_lead = machine_->MayLead(),
                           .campaigning = machine_->campaigning(),
                           .last = machine_->last(),
                           .acked = machine_->acked(),
                           .handing_over = machine_->handing_over(),
                           .primary = wanted_primary_,
                           .link_up = server_.standing.link_up,
                           .loading = reload_wanted_ || log_.Installing(),
                           .applied = stream_ ? stream_->applied() : 0,
                           .down_since = down_since_};
  if (machine_->leads()) {
    for (const auto& [node, peer] : peers_) {
      status.replicas.push_back(DescribeReplica(node, peer));
    }
    return status;
  }
  if (const auto& primary = machine_->primary()) {
    const NodeAddress address = AddressOf(*primary);
    if (!address.empty()) status.primary = address;
    const auto peer = peers_.find(*primary);
    if (peer != peers_.end()) status.heard_ago = now_ - peer->second.heard;
  }
  return status;
}

}  // namespace holdfast
