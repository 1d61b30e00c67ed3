// How a node promises, follows, and stores what a primary sends.
#include <algorithm>
#include <utility>

#include "server/replication/machine.h"
#include "storage/base/invariant.h"

namespace holdfast {

void ReplicationMachine::Follow(const NodeId& primary) {
  if (primary == id_) return;
  StepDown();
  primary_ = primary;
  asked_ = now_;
  Tell(primary, FollowFrom{.last = PlaceOf(last_)});
}

// ---- promises

std::optional<PromiseRefusal> ReplicationMachine::Objection(const NodeId& from,
                                                            const AskPromise& ask) const {
  if (ask.epoch < promise_.epoch) return PromiseRefusal::kEpoch;
  if (ask.epoch == promise_.epoch && promise_.primary != from) return PromiseRefusal::kEpoch;
  if (ask.last.epoch < epochs_.last()) return PromiseRefusal::kBehind;
  if (ask.last.index < acked_) return PromiseRefusal::kBehind;
  if (campaign_ && campaign_->takeover && !ask.takeover) return PromiseRefusal::kTakeover;
  return std::nullopt;
}

void ReplicationMachine::On(const NodeId& from, const AskPromise& ask) {
  if (const auto why = Objection(from, ask)) {
    return Tell(from, PromiseRefused{.epoch = ask.epoch, .why = *why, .promised = promise_});
  }
  if (ask.epoch > promise_.epoch) {
    StepDown();
    primary_ = from;
    const bool stays = std::ranges::count(ask.sync_set, id_) > 0;
    return Promises({.epoch = ask.epoch, .primary = from, .leaving = !stays});
  }
  // Asked again: the answer was lost, or is not durable yet.
  if (kept_ >= ask.epoch) Tell(from, PromiseGiven{.epoch = ask.epoch});
}

// Whether to take what this node sends as primary of this epoch.
bool ReplicationMachine::Accepts(const NodeId& from, Epoch epoch) {
  if (epoch < promise_.epoch || (epoch == promise_.epoch && from != promise_.primary)) {
    Tell(from, Outdated{.promised = promise_});
    return false;
  }
  if (epoch > promise_.epoch) {
    StepDown();
    Promises({.epoch = epoch, .primary = from});
  } else if (campaign_) {
    return false;  // it waits for the end of this one's lease
  }
  primary_ = from;
  hears_ = true;
  heard_ = now_;
  return true;
}

// ---- records

// Whether this log has that place. What was trimmed is acked, and so the same everywhere.
bool ReplicationMachine::Matches(const LogPlace& place) const {
  if (place.index > last_) return false;
  const Epoch here = epochs_.At(place.index);
  return here == 0 ? place.index <= acked_ : here == place.epoch;
}

void ReplicationMachine::On(const NodeId& from, const AppendRecords& append) {
  if (from == id_ || !Accepts(from, append.epoch)) return;
  if (!Matches(append.previous)) {
    if (append.previous.index <= acked_) return Do(Diverged{.primary = from});
    // The end of what may be common, for it to go back to.
    return Tell(from, FollowFrom{.last = epochs_.EndOf(append.previous.epoch, last_)});
  }
  if (append.sent > lease_from_) {
    lease_from_ = append.sent;
    lease_until_ = now_ + timing_.lease;
  }
  verified_ = std::max(verified_, append.previous.index);
  told_ = std::max(told_, append.acked);
  if (!TakeIn(from, append.records)) return;
  Learn(append.acked);
  ReportStored();
}

// What is there already is passed over; where the log goes another way it is cut. False: it would
// have to be cut where it is acked.
bool ReplicationMachine::TakeIn(const NodeId& from, const std::vector<LogRecord>& records) {
  std::vector<LogRecord> fresh;
  for (const LogRecord& record : records) {
    if (Matches({.epoch = record.epoch, .index = record.last})) {
      verified_ = std::max(verified_, record.last);
      continue;
    }
    if (record.first <= last_) {
      const Index keep = record.first - 1;
      if (keep < acked_) {
        Do(Diverged{.primary = from});
        return false;
      }
      Do(CutLog{.last = keep, .reload = keep < applied_});
      epochs_.CutTo(keep);
      ResetLog(keep);
    }
    if (record.opens) {
      epochs_.Begin({.epoch = record.epoch, .first = record.first, .group = *record.opens});
    }
    last_ = verified_ = record.last;
    fresh.push_back(record);
  }
  if (!fresh.empty()) Do(StoreRecords{.records = std::move(fresh)});
  return true;
}

void ReplicationMachine::Learn(Index acked) {
  acked = std::min(acked, verified_);
  if (acked <= acked_) return;
  acked_ = acked;
  applied_ = std::max(applied_, acked);
  Do(AckedUpTo{.index = acked});
}

void ReplicationMachine::ReportStored() {
  if (leads() || !primary_ || *primary_ != promise_.primary || kept_ < promise_.epoch) return;
  const Index same = std::min(verified_, stored_);
  Tell(*primary_, Stored{.epoch = promise_.epoch, .index = same, .lease_from = lease_from_});
}

// Only for as long as no lease has been granted since: an order that comes late finds a primary
// that counts on one again.
void ReplicationMachine::On(const NodeId& from, const TakeOver& take_over) {
  const bool is_primary = take_over.epoch == promise_.epoch && from == promise_.primary;
  if (leads() || campaign_ || !is_primary || take_over.sent < lease_from_) return;
  lease_until_ = now_;
  Lead();
}

// ---- a snapshot instead of records

bool ReplicationMachine::Install(const NodeId& from, const SnapshotHead& head, Uptime now) {
  now_ = now;
  const bool blank = epochs_.empty() && last_ == 0;
  // A node of another history has acked there: it would have to become another node first.
  if (head.history != history_ && !blank) return false;
  if (!Accepts(from, head.epoch)) return false;
  // Late: the log has come so far by itself.
  if (!blank && head.last.index <= verified_) return false;
  history_ = head.history;
  epochs_ = head.epochs;
  first_ = head.last.index + 1;
  ResetLog(head.last.index);
  last_ = acked_ = applied_ = verified_ = head.last.index;
  Tell(from, FollowFrom{.last = head.last});
  return true;
}

}  // namespace holdfast
