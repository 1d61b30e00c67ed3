#include "server/replication/machine.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

ReplicationMachine::ReplicationMachine(Node node, Timing timing, Uptime now)
    : id_(node.id),
      timing_(timing),
      history_(node.history),
      promise_(node.promise),
      bound_(node.promise.IsToAnother(node.id)),
      epochs_(std::move(node.epochs)),
      first_(node.first),
      last_(node.last),
      stored_(node.last),
      acked_(node.acked),
      applied_(node.acked),
      verified_(node.acked),
      // Whatever it granted before it went down.
      lease_until_(now + timing.lease),
      now_(now) {
  Invariant(acked_ <= last_);
  // A log that holds an epoch's records is as good as a promise for it.
  if (epochs_.last() > promise_.epoch) {
    promise_ = {.epoch = epochs_.last(), .primary = epochs_.group().primary};
  }
  kept_ = promise_.epoch;
}

bool ReplicationMachine::Deposes(const NodeId& from, const ReplicationMessage& message) const {
  if (!leads() || message.history != history_) return false;
  if (const auto* ask = std::get_if<AskPromise>(&message.body); ask != nullptr) {
    return ask->epoch > promise_.epoch && !Objection(from, *ask);
  }
  if (const auto* append = std::get_if<AppendRecords>(&message.body); append != nullptr) {
    return append->epoch > promise_.epoch;
  }
  const auto* refused = std::get_if<PromiseRefused>(&message.body);
  return refused != nullptr && campaign_ && refused->epoch == campaign_->epoch &&
         refused->why != PromiseRefusal::kEpoch;
}

void ReplicationMachine::Receive(const NodeId& from, const ReplicationMessage& message,
                                 Uptime now) {
  now_ = now;
  if (message.history == history_) {
    std::visit([&](const auto& body) { On(from, body); }, message.body);
  } else if (leads() && std::holds_alternative<FollowFrom>(message.body)) {
    // A node that has nothing yet: what its log holds is of no use.
    Do(SendSnapshot{.to = from});
  }
}

void ReplicationMachine::Tick(Uptime now) {
  now_ = now;
  if (campaign_) TickCampaign();
  if (leads()) {
    if (now_ - beaten_ < timing_.heartbeat) return;
    beaten_ = now_;
    if (hand_over_) TickHandOver();
    for (const auto& [to, replica] : replicas_) BeatTo(to, replica);
    return;
  }
  if (!primary_ || now_ - heard_ < timing_.patience || now_ - asked_ < timing_.patience) return;
  asked_ = now_;
  Tell(*primary_, FollowFrom{.last = PlaceOf(last_)});
}

std::vector<ReplicationAction> ReplicationMachine::TakeActions() {
  return std::exchange(actions_, {});
}

void ReplicationMachine::Tell(const NodeId& to, ReplicationMessage::Body body) {
  Do(SendMessage{.to = to, .message = {.history = history_, .body = std::move(body)}});
}

// Counts from now on; whoever asked for it hears when it is durable.
void ReplicationMachine::Promises(Promise promise) {
  Invariant(promise.epoch >= promise_.epoch);
  promise_ = promise;
  bound_ = promise.IsToAnother(id_);
  Do(KeepPromise{.promise = promise});
}

// No longer anybody's primary. What the state holds beyond the acked index stays there until it is
// known whether the next primary's log has it.
void ReplicationMachine::StepDown() {
  campaign_.reset();
  verified_ = acked_;
  lease_from_ = Uptime{0};
  hears_ = false;
  heard_ = asked_ = now_;
  if (!leads()) return;
  role_ = ReplicationRole::kReplica;
  opening_ = 0;
  hand_over_.reset();
  replicas_.clear();
  Do(RoleChanged{.role = role_});
}

// The log ends here, as soon as the disk has done it: until then it tells of what is no longer so.
void ReplicationMachine::ResetLog(Index last) {
  last_ = last;
  stored_ = std::min(stored_, last);
  applied_ = std::min(applied_, last);
  verified_ = std::min(verified_, last);
  resets_.push_back(last);
}

void ReplicationMachine::ResetDone() {
  Invariant(!resets_.empty());
  const Index last = resets_.front();
  resets_.pop_front();
  if (!resets_.empty()) return;
  stored_ = std::max(stored_, last);
  leads() ? AdvanceAcked() : ReportStored();
}

void ReplicationMachine::StoredUpTo(Index index) {
  if (!resets_.empty()) return;
  Invariant(index <= last_);
  if (index <= stored_) return;
  const bool has_opened = stored_ < opening_ && index >= opening_;
  stored_ = index;
  if (leads()) {
    if (has_opened) ShipToMembers();
    AdvanceAcked();
  } else {
    ReportStored();
  }
}

void ReplicationMachine::Trimmed(Index first) {
  Invariant(first > first_ && first <= acked_ + 1);
  first_ = first;
  // The place before the first batch is the one that a replica may still have to go on from.
  epochs_.TrimTo(first - 1);
}

}  // namespace holdfast
