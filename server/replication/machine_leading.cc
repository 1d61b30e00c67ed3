// How a node comes to lead, and what it does then.
#include <algorithm>
#include <utility>

#include "server/replication/machine.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Who is left out without being asked may have opened epochs that nobody here knows of. One number
// for two of them would make two logs pass for the same.
constexpr Epoch kForcedStride = Epoch{1} << 20;

}  // namespace

// ---- taking the lead

void ReplicationMachine::Lead(const std::vector<NodeId>& without) {
  if (leads()) return;
  const Group& group = epochs_.group();
  std::vector<Member> sync_set;
  const bool takeover = group.Has(id_) && group.primary != id_;
  if (!MayLead()) return Do(LeadRefused{LeadRefusal::kNotMember});
  if (group.Has(id_)) {
    sync_set = group.sync_set;
  } else {
    sync_set.push_back({.id = id_});
  }
  if (promise_.leaving && promise_.epoch > epochs_.last()) {
    return Do(LeadRefused{LeadRefusal::kLeft});
  }
  std::erase_if(sync_set, [&](const Member& member) {
    const bool is_replaced = takeover && member.id == group.primary;
    return is_replaced || (member.id != id_ && std::ranges::count(without, member.id) > 0);
  });
  Campaign campaign = CampaignFor(std::move(sync_set));
  campaign.takeover = takeover;
  campaign.forced = !without.empty();
  primary_.reset();
  if (promise_.primary != id_ && now_ < lease_until_ && promise_.epoch > 0) {
    // Until then that primary answers reads. Nothing more is taken from it, so it will not be long.
    campaign.epoch = promise_.epoch;
    campaign.again_with = promise_.epoch + 1;
    campaign.again_at = lease_until_;
    campaign_ = std::move(campaign);
    return;
  }
  Begin(std::move(campaign));
}

bool ReplicationMachine::ChangeSyncSet(std::vector<Member> sync_set,
                                       const std::vector<NodeId>& asked) {
  if (!leads()) return false;
  Campaign campaign = CampaignFor(std::move(sync_set));
  campaign.may_end = true;
  campaign.give_up_at = now_ + timing_.change_patience;
  Invariant(campaign.asked.count(id_) == 1);
  campaign.asked.insert(asked.begin(), asked.end());
  campaign.forced = std::ranges::any_of(epochs_.group().sync_set, [&](const Member& member) {
    return campaign.asked.count(member.id) == 0;
  });
  Begin(std::move(campaign));
  return true;
}

ReplicationMachine::Campaign ReplicationMachine::CampaignFor(std::vector<Member> sync_set) {
  Campaign campaign{.sync_set = std::move(sync_set)};
  for (const Member& member : campaign.sync_set) campaign.asked.insert(member.id);
  return campaign;
}

void ReplicationMachine::Begin(Campaign campaign) {
  const Epoch next = promise_.epoch + (campaign.forced ? kForcedStride : 1);
  campaign.epoch = std::max(next, campaign.again_with);
  campaign.given.clear();
  campaign.swapping = false;
  campaign.again_with = 0;
  campaign_ = std::move(campaign);
  // Nobody else is asked before this is durable, or a start after a crash would ask for the same
  // epoch, and take the answers that the last one got for a longer log.
  Promises({.epoch = campaign_->epoch, .primary = id_});
}

// Also those that have promised already: by now it may be a later epoch, to somebody else.
void ReplicationMachine::AskAll() {
  AskPromise ask{
      .epoch = campaign_->epoch, .last = PlaceOf(last_), .takeover = campaign_->takeover};
  for (const Member& member : campaign_->sync_set) ask.sync_set.push_back(member.id);
  for (const NodeId& member : campaign_->asked) {
    if (member != id_) Tell(member, ask);
  }
  asked_ = now_;
}

void ReplicationMachine::TickCampaign() {
  if (campaign_->may_end && now_ >= campaign_->give_up_at) {
    // A node that should come in or go does not answer. Others have promised: so on with the old
    // set, in an epoch of its own.
    return Begin(CampaignFor(epochs_.group().sync_set));
  }
  if (campaign_->again_with > 0) {
    if (now_ >= campaign_->again_at) Begin(std::move(*campaign_));
  } else if (kept_ >= campaign_->epoch && now_ - asked_ >= timing_.patience) {
    AskAll();
    campaign_->swapping = false;
    SwapIfPromised();
  }
}

void ReplicationMachine::On(const NodeId& from, const PromiseGiven& given) {
  if (!campaign_ || given.epoch != campaign_->epoch) return;
  campaign_->given.insert(from);
  SwapIfPromised();
}

void ReplicationMachine::On(const NodeId& from, const PromiseRefused& refused) {
  if (!campaign_ || refused.epoch != campaign_->epoch) return;
  switch (refused.why) {
    case PromiseRefusal::kEpoch: {
      // Two that refuse each other try again at different times, and the first one wins.
      const auto rank = std::ranges::count_if(
          campaign_->sync_set, [&](const Member& member) { return member.id < id_; });
      campaign_->again_with = std::max(campaign_->again_with, refused.promised.epoch + 1);
      campaign_->again_at = now_ + timing_.heartbeat * (1 + rank);
      return;
    }
    case PromiseRefusal::kBehind:
      Do(LeadRefused{LeadRefusal::kBehind});
      StepDown();
      if (refused.promised.primary != id_) Follow(refused.promised.primary);
      return;
    case PromiseRefusal::kTakeover:
      Do(LeadRefused{LeadRefusal::kTakeover});
      StepDown();
      Follow(from);
      return;
  }
}

void ReplicationMachine::PromiseKept(Epoch epoch) {
  kept_ = std::max(kept_, epoch);
  if (epoch != promise_.epoch) return;
  if (promise_.primary != id_) {
    Tell(promise_.primary, PromiseGiven{.epoch = epoch});
    return ReportStored();
  }
  if (!campaign_ || campaign_->epoch != epoch) return;
  campaign_->given.insert(id_);
  AskAll();
  SwapIfPromised();
}

void ReplicationMachine::SwapIfPromised() {
  const bool promised = std::ranges::includes(campaign_->given, campaign_->asked);
  if (!promised || campaign_->swapping || campaign_->again_with > 0) return;
  campaign_->swapping = true;
  Do(SwapGroup{.epoch = campaign_->epoch,
               .group = {.primary = id_, .sync_set = campaign_->sync_set}});
}

void ReplicationMachine::GroupSwapped(Epoch epoch, std::optional<uint64_t> version) {
  if (!campaign_ || campaign_->epoch != epoch || campaign_->again_with > 0) return;
  if (!version) {
    campaign_->again_with = epoch + 1;
    campaign_->again_at = now_ + timing_.patience;
    return;
  }
  Do(OpenEpoch{.epoch = epoch,
               .group = {.primary = id_, .sync_set = campaign_->sync_set, .version = *version}});
}

void ReplicationMachine::Opened(const OpenEpoch& open, Index first) {
  Invariant(campaign_.has_value() && campaign_->epoch == open.epoch);
  Invariant(first > last_);
  epochs_.Begin({.epoch = open.epoch, .first = first, .group = open.group});
  opening_ = last_ = applied_ = first;
  campaign_.reset();
  if (!leads()) {
    role_ = ReplicationRole::kPrimary;
    Do(RoleChanged{.role = role_});
  }
  // Members hear of it, and answer with where their logs end; what is known of a replica's log
  // stays true, for this one only grows.
  for (const Member& member : epochs_.group().sync_set) {
    if (member.id != id_) replicas_.try_emplace(member.id);
  }
  beaten_ = now_;
  for (auto& [to, replica] : replicas_) {
    replica.lease_from = Uptime{0};  // of an older epoch
    ShipTo(to, replica);
  }
  AdvanceAcked();
}

// ---- shipping

void ReplicationMachine::Pushed(Index last) {
  if (!leads() || last <= last_) return;
  last_ = applied_ = last;
  ShipToMembers();
}

void ReplicationMachine::ShipToMembers() {
  for (auto& [to, replica] : replicas_) {
    if (replica.next > 0 && epochs_.group().Has(to)) ShipTo(to, replica);
  }
}

// Members take records on receipt, for an ack waits for them. The others get what is acked: they
// could apply no more, and a log that knows of an epoch before its members do would stand in the
// way of the one that is to lead next. An epoch's opening goes out when it is durable here: else a
// primary that loses it would go on with the sync set before, and another node with the new one.
Index ReplicationMachine::ShipsUpTo(const NodeId& to) const {
  const Index mine = stored_ < opening_ ? opening_ - 1 : last_;
  return epochs_.group().Has(to) ? mine : std::min(acked_, mine);
}

// What it lacks; or, where that is nothing or not known, how this log stands.
void ReplicationMachine::ShipTo(const NodeId& to, Replica& replica) {
  if (replica.shipping) return;
  if (replica.next == 0 || replica.next > ShipsUpTo(to)) return BeatTo(to, replica);
  if (replica.next < first_) {
    replica.next = 0;
    return Do(SendSnapshot{.to = to});
  }
  replica.shipping = true;
  Do(ShipRecords{.to = to, .from = replica.next, .up_to = ShipsUpTo(to)});
}

void ReplicationMachine::Shipped(const NodeId& to, Index last) {
  const auto found = replicas_.find(to);
  if (found == replicas_.end() || !found->second.shipping) return;
  Replica& replica = found->second;
  replica.shipping = false;
  if (!std::exchange(replica.rewound, false)) replica.next = last + 1;
  if (replica.next <= ShipsUpTo(to)) ShipTo(to, replica);
}

void ReplicationMachine::NotShipped(const NodeId& to) {
  const auto found = replicas_.find(to);
  if (found == replicas_.end()) return;
  Replica& replica = found->second;
  replica.next = 0;
  replica.shipping = replica.rewound = false;
}

AppendRecords ReplicationMachine::HeadOfAppend(Index from) const {
  return {.epoch = epochs_.last(), .previous = PlaceOf(from - 1), .acked = acked_, .sent = now_};
}

void ReplicationMachine::BeatTo(const NodeId& to, const Replica& replica) {
  Tell(to, HeadOfAppend(replica.next > 0 ? replica.next : ShipsUpTo(to) + 1));
}

void ReplicationMachine::On(const NodeId& from, const FollowFrom& follow) {
  if (!leads()) return Tell(from, Outdated{.promised = promise_});
  Replica& replica = replicas_[from];
  // Logs that share a place are the same up to there; of an epoch that this one lacks nothing is
  // shared, so the part before it is tried.
  const LogPlace end = epochs_.EndOf(follow.last.epoch, last_);
  const Index common =
      end.epoch == follow.last.epoch ? std::min(end.index, follow.last.index) : end.index;
  if (common + 1 < first_) {
    replica.next = 0;
    return Do(SendSnapshot{.to = from});
  }
  replica.rewound = replica.shipping;
  replica.next = common + 1;
  ShipTo(from, replica);
}

// ---- handing over

bool ReplicationMachine::HandOver(const NodeId& to, std::optional<Uptime> patience) {
  if (!leads() || to == id_ || !epochs_.group().Has(to)) return false;
  hand_over_ = {.to = to, .give_up_at = now_ + patience.value_or(timing_.change_patience)};
  TickHandOver();
  return true;
}

void ReplicationMachine::GiveUpHandOver() {
  if (!hand_over_) return;
  hand_over_->give_up_at = now_;
  TickHandOver();
}

// The member takes over at once only if it has granted no lease since this was sent; and of what it
// had granted before, nothing is counted here.
void ReplicationMachine::TickHandOver() {
  yielded_at_ = now_;
  if (now_ >= hand_over_->give_up_at) {
    hand_over_.reset();
  } else if (serves() && !campaign_ && MatchOf(hand_over_->to) == last_) {
    Tell(hand_over_->to, TakeOver{.epoch = epochs_.last(), .sent = now_});
  }
}

// ---- acks

void ReplicationMachine::On(const NodeId& from, const Stored& stored) {
  const auto found = replicas_.find(from);
  if (!leads() || stored.epoch != epochs_.last() || found == replicas_.end()) return;
  if (stored.index > last_) return;
  found->second.match = std::max(found->second.match, stored.index);
  found->second.lease_from = std::max(found->second.lease_from, std::min(stored.lease_from, now_));
  AdvanceAcked();
}

// Only from the batch on that opened the epoch: what came before is acked with it.
void ReplicationMachine::AdvanceAcked() {
  Index everywhere = stored_;
  for (const Member& member : epochs_.group().sync_set) {
    if (member.id != id_) everywhere = std::min(everywhere, MatchOf(member.id));
  }
  if (everywhere < opening_ || everywhere <= acked_) return;
  acked_ = everywhere;
  Do(AckedUpTo{.index = acked_});
  for (auto& [to, replica] : replicas_) ShipTo(to, replica);
}

Uptime ReplicationMachine::LeaseUntil() const {
  if (!serves()) return Uptime{0};
  Uptime until = Uptime::max();
  for (const Member& member : epochs_.group().sync_set) {
    if (member.id == id_) continue;
    const auto found = replicas_.find(member.id);
    if (found == replicas_.end() || found->second.lease_from <= yielded_at_) return Uptime{0};
    until = std::min(until, found->second.lease_from + timing_.lease * 9 / 10);
  }
  return until;
}

Index ReplicationMachine::MatchOf(const NodeId& replica) const {
  const auto found = replicas_.find(replica);
  return found == replicas_.end() ? 0 : found->second.match;
}

// A replica has promised an epoch to somebody else, and takes nothing of this one any more; perhaps
// nothing came of it. An epoch above gets it back, unless its node is taking over.
void ReplicationMachine::On(const NodeId& from, const Outdated& outdated) {
  const Promise& promised = outdated.promised;
  if (!leads() || campaign_ || replicas_.count(from) == 0) return;
  if (promised.epoch < epochs_.last() || promised.primary == id_) return;
  Campaign campaign = CampaignFor(epochs_.group().sync_set);
  campaign.again_with = promised.epoch + 1;
  Begin(std::move(campaign));
}

}  // namespace holdfast
