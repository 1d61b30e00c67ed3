#include "server/shard/groups.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_set.h>

#include "server/shard/group_part.h"
#include "server/shard/router.h"
#include "server/shard/slot_needs.h"
#include "server/shard/transactions.h"
#include "storage/base/bytes.h"

namespace holdfast {
namespace {

KeyAsk AskOf(Gathers gathers, size_t key) {
  switch (gathers) {
    case Gathers::kTypes:
      return KeyAsk::kType;
    case Gathers::kFirstValue:
      return key == 0 ? KeyAsk::kValue : KeyAsk::kType;
    case Gathers::kStrings:
      return KeyAsk::kString;
  }
  return KeyAsk::kType;
}

}  // namespace

// ---- beginning

void Groups::Start(Client& client, const CommandSpec& command, Args words) {
  auto group = std::make_unique<Group>(Group{.client = client.id,
                                             .ticket = client.gather->ticket,
                                             .resp = client.resp,
                                             .is_transaction = false});
  const RequestHeader header{.from = {},
                             .command = &command,
                             .db = client.db,
                             .resp_version = static_cast<uint8_t>(client.resp)};
  AppendRequest(group->bytes, header, words);
  std::string_view rest = group->bytes;
  Step& step = group->steps.emplace_back(Step{.command = &command, .db = client.db, .words = {}});
  TakeRequest(rest, step.words);
  Begin(std::move(group), SlotsOf(command, words));
}

void Groups::StartTransaction(Client& client, Transaction& transaction) {
  auto group = std::make_unique<Group>(Group{.client = client.id,
                                             .ticket = client.gather->ticket,
                                             .resp = client.resp,
                                             .is_transaction = true,
                                             .watches = !client.watched.empty(),
                                             .bytes = std::move(transaction.requests)});
  if (transaction.publishes) group->client_gate = router_.channels().GateOf(client);
  SlotNeeds needs;
  needs.Add(client.watched);
  TransactionReader reader(group->bytes, client.db);
  QueuedCommand queued;
  while (reader.Next(queued)) {
    needs.Add(SlotsOf(*queued.command, queued.words));
    for (const std::string_view sku : queued.Skus()) group->skus.emplace_back(sku);
    group->steps.push_back({.command = queued.command, .db = queued.db, .words = queued.words});
  }
  needs.Normalise();
  client.watched.clear();  // each part forgets them when it is locked
  Begin(std::move(group), needs);
}

void Groups::Begin(std::unique_ptr<Group> group, const SlotNeeds& needs) {
  const ShardMap& map = shard_.server().map;
  if (needs.everywhere) {
    for (int shard = 0; shard < map.shards(); ++shard)
      group->parts.push_back({static_cast<ShardId>(shard), {}});
  } else {
    for (const Slot slot : needs.slots) {
      const ShardId owner = map.OwnerOf(slot);
      if (group->parts.empty() || group->parts.back().shard != owner)
        group->parts.push_back({owner, {}});
      group->parts.back().slots.push_back(slot);
    }
  }
  Group& begun = *group;
  const bool fresh = groups_.emplace(begun.client, std::move(group)).second;
  Invariant(fresh);
  shard_.metrics().groups.Add();
  begun.parts.empty() ? Advance(begun) : LockNext(begun);
}

// ---- locking, one part after the other

RequestHeader Groups::HeaderOf(const Group& group, RequestKind kind, uint64_t ticket,
                               uint32_t part) const {
  return {.from = {.client = group.client, .ticket = ticket, .part = part, .shard = shard_.id()},
          .command = nullptr,
          .db = 0,
          .resp_version = static_cast<uint8_t>(group.resp),
          .kind = kind};
}

// The keys of a gathering step that live on this shard, each at its first mention.
std::vector<size_t> Groups::KeysOn(const Step& step, ShardId shard) const {
  std::vector<size_t> keys;
  if (step.command->home != Home::kGroup) return keys;
  absl::flat_hash_set<std::pair<DbIndex, std::string_view>> seen;
  for (size_t i = 0; i < KeyCount(*step.command, step.words); ++i) {
    const std::string_view key = KeyWord(*step.command, step.words, i);
    if (shard_.server().map.OwnerOf(SlotOf(key)) != shard) continue;
    if (seen.emplace(KeyDb(*step.command, step.words, i, step.db), key).second) keys.push_back(i);
  }
  return keys;
}

// What the step must know of them, in their order.
std::vector<std::string> Groups::AsksOf(const Step& step, ShardId shard) const {
  std::vector<std::string> asks;
  for (const size_t i : KeysOn(step, shard)) {
    asks.push_back(PackAsk(AskOf(step.command->gathers, i),
                           KeyDb(*step.command, step.words, i, step.db),
                           KeyWord(*step.command, step.words, i)));
  }
  return asks;
}

void Groups::LockNext(Group& group) {
  const Part& part = group.parts[group.granted];
  std::vector<std::string> words = {PackSlots(part.slots), group.watches ? "watches" : ""};
  if (group.is_transaction) {
    for (const std::string& sku : group.skus) {
      if (shard_.server().map.OwnerOf(SlotOf(sku)) == part.shard)
        words.push_back(PackAsk(KeyAsk::kSku, kStockDb, sku));
    }
  } else {
    // The only step's look at its keys rides along.
    for (std::string& ask : AsksOf(group.steps[0], part.shard)) words.push_back(std::move(ask));
  }
  const std::vector<std::string_view> views(words.begin(), words.end());
  router_.Send(part.shard, HeaderOf(group, RequestKind::kLock, 0, 0), views);
}

void Groups::OnGrant(const ResponseHeader& header, std::string_view reply) {
  Group& group = Of(header);
  const ShardId shard = group.parts[group.granted].shard;
  ++group.granted;
  group.gate = std::max<Index>(group.gate, header.gate);
  group.watches_broken |= reply.front() == 0;
  if (!group.is_transaction) TakeDumps(group, group.steps[0], shard, reply);
  if (group.granted < group.parts.size()) return LockNext(group);
  if (group.watches_broken) return Conclude(group);
  if (group.is_transaction) return Advance(group);
  group.next_step = 1;
  group.steps_missing = 1;
  Decide(group, group.steps[0]);
  if (group.steps_missing == 0) Conclude(group);
}

void Groups::TakeDumps(Group& group, const Step& step, ShardId shard, std::string_view reply) {
  ByteReader reader(reply);
  reader.Int<uint8_t>();
  group.gathered.skus += reader.Int<uint64_t>();
  const std::string_view expired = reader.Word();
  group.pending.mutations += expired;
  group.pending.gated |= !expired.empty() && shard_.GatesKeys();
  group.pending.events += reader.Word();
  for (const size_t i : KeysOn(step, shard)) {
    group.gathered.Add(KeyDb(*step.command, step.words, i, step.db),
                       KeyWord(*step.command, step.words, i), reader.Word());
  }
  Invariant(reader.AtEnd());
}

// ---- running on held slots

// Requests to one shard are served in order, so a step need not wait for the one before. But one
// that decides here over several shards must have seen its keys, and one that copies goes alone:
// how much it logs is not known before.
void Groups::Advance(Group& group) {
  while (group.next_step < group.steps.size() && group.gathers_missing == 0) {
    Step& step = group.steps[group.next_step];
    const bool copies = (step.command->flags & kCopies) != 0;
    // What those before it are still counting, it would change: SUBSCRIBE behind PUBSUB NUMSUB.
    const bool changes_listeners = (step.command->flags & kPushes) != 0;
    if (group.steps_missing > 0 && (copies || group.is_copying || changes_listeners)) break;
    const size_t number = group.next_step++;
    group.is_copying = copies;
    ++group.steps_missing;
    if (const auto refusal =
            RefusalOfCopy(*step.command, group.pending.mutations.size(), shard_.config());
        !refusal.empty()) {
      RespWriter(step.parts.emplace_back(), group.resp).Error(refusal);
      --group.steps_missing;
    } else if (step.command->home == Home::kClient) {
      RunHere(group, number);
    } else if (IsOverShards(step)) {
      GatherFor(group, step);
    } else {
      SendParts(group, number);
    }
  }
  if (group.next_step == group.steps.size() && group.steps_missing == 0) Conclude(group);
}

bool Groups::IsOverShards(const Step& step) const {
  if (step.command->home != Home::kGroup) return false;
  const SlotNeeds needs = SlotsOf(*step.command, step.words);
  if (needs.everywhere) return shard_.server().map.shards() > 1;
  const ShardMap& map = shard_.server().map;
  return std::ranges::any_of(needs.slots, [&](Slot slot) {
    return map.OwnerOf(slot) != map.OwnerOf(needs.slots.front());
  });
}

void Groups::RunHere(Group& group, size_t number) {
  Step& step = group.steps[number];
  std::string& reply = step.parts.emplace_back();
  // A client that left is owed nothing; what it asked of the data is done all the same.
  if (Client* const client = router_.FindClient(group.client)) {
    RequestHeader header = HeaderOf(group, RequestKind::kCommand, number, 0);
    header.command = step.command;
    header.db = step.db;
    router_.Run(header, client, step.words, reply);
  }
  --group.steps_missing;
}

// One part for a command with a home, one for each key or each shard for those that are combined.
void Groups::SendParts(Group& group, size_t number) {
  Step& step = group.steps[number];
  const ShardMap& map = shard_.server().map;
  const auto send = [&](ShardId to, Args words) {
    RequestHeader header =
        HeaderOf(group, RequestKind::kPerform, number, static_cast<uint32_t>(step.parts_missing++));
    header.command = step.command;
    header.db = step.db;
    router_.Send(to, header, words);
  };
  const SlotNeeds needs = SlotsOf(*step.command, step.words);
  step.combines = step.command->combine != nullptr &&
                  (step.command->home == Home::kEachKey || needs.slots.empty());
  if (step.command->home == Home::kEachKey) {
    for (size_t i = 0; i < KeyCount(*step.command, step.words); ++i) {
      const std::string_view key = KeyWord(*step.command, step.words, i);
      const std::string_view words[] = {step.words[0], key};
      send(map.OwnerOf(SlotOf(key)), words);
    }
  } else if (needs.slots.empty()) {
    for (int shard = 0; shard < map.shards(); ++shard)
      send(static_cast<ShardId>(shard), step.words);
  } else {
    send(map.OwnerOf(needs.slots.front()), step.words);
  }
  step.parts.resize(step.parts_missing);
}

void Groups::OnPerformed(const ResponseHeader& header, std::string_view reply) {
  Group& group = Of(header);
  Step& step = group.steps[header.to.ticket];
  ByteReader reader(reply);
  group.pending.gated |= reader.Int<uint8_t>() != 0;
  group.pending.mutations += reader.Word();
  group.pending.events += reader.Word();
  Invariant(!reader.failed());
  group.gate = std::max<Index>(group.gate, header.gate);
  step.parts[header.to.part] = reader.rest();
  if (--step.parts_missing == 0) FinishStep(group, step);
  Advance(group);
}

void Groups::FinishStep(Group& group, Step& step) {
  --group.steps_missing;
  if (!step.combines) return;
  std::string whole;
  RespWriter writer(whole, group.resp);
  step.command->combine(writer, step.parts);
  step.parts = {std::move(whole)};
}

// ---- deciding over several shards

void Groups::GatherFor(Group& group, const Step& step) {
  group.gathered = {};
  for (const Part& part : group.parts) {
    const std::vector<std::string> asks = AsksOf(step, part.shard);
    const std::vector<std::string_view> views(asks.begin(), asks.end());
    router_.Send(part.shard, HeaderOf(group, RequestKind::kGather, 0, part.shard), views);
    ++group.gathers_missing;
  }
}

void Groups::OnGathered(const ResponseHeader& header, std::string_view reply) {
  Group& group = Of(header);
  Step& step = group.steps[group.next_step - 1];
  group.gate = std::max<Index>(group.gate, header.gate);
  TakeDumps(group, step, static_cast<ShardId>(header.to.part), reply);
  if (--group.gathers_missing > 0) return;
  Decide(group, step);
  Advance(group);
}

void Groups::Decide(Group& group, Step& step) {
  std::string& reply = step.parts.emplace_back();
  const RequestHeader header{
      .from = {.client = group.client, .ticket = 0, .part = 0, .shard = shard_.id()},
      .command = step.command,
      .db = step.db,
      .resp_version = static_cast<uint8_t>(group.resp)};
  CommandContext here = router_.ContextOf(header, reply);
  if (const std::string_view refusal = router_.ChangeRefusal(*step.command); !refusal.empty()) {
    here.reply.Error(refusal);
    router_.observers().Rejected(step.command, reply);
  } else if (group.gathered.too_large) {
    here.reply.Error("ERR the value is larger than group-bytes-max");
    router_.observers().Rejected(step.command, reply);
  } else {
    GroupContext context(*step.command, here, step.words, group.gathered);
    step.command->decide(context, step.words);
    router_.observers().Ran(header, step.words, reply);
  }
  for (const auto& [shard, mutations] : group.gathered.mutations) {
    const std::string_view words[] = {mutations};
    router_.Send(shard, HeaderOf(group, RequestKind::kApply, 0, 0), words);
    group.pending.mutations += mutations;
    group.pending.gated |= shard_.GatesKeys() || (group.gathered.gated && shard_.GatesStock());
  }
  group.gathered.mutations.clear();
  group.pending.events += std::exchange(group.gathered.events, {});
  --group.steps_missing;
}

// ---- the end

void Groups::Conclude(Group& group) {
  const std::unique_ptr<Group> ended = std::move(groups_.at(group.client));
  groups_.erase(ended->client);
  std::string reply;
  RespWriter writer(reply, ended->resp);
  if (ended->watches_broken) {
    writer.NullArray();
  } else {
    if (ended->is_transaction) writer.Array(ended->steps.size());
    for (const Step& step : ended->steps) reply += step.parts[0];
  }
  BoundReply(reply);
  TurnStamp stamp = 0;
  if (!ended->pending.mutations.empty()) {
    if (ended->pending.gated) stamp = shard_.gate().Current();
    shard_.PushOfGroup(ended->pending);
  }
  shard_.TellOfGroup(ended->pending);
  const TurnStamp gate = std::max(stamp, shard_.StampFor(ended->gate));
  if (!ended->watches_broken) SendMessages(*ended, std::max(gate, ended->client_gate));
  router_.Respond(
      {.to = {.client = ended->client, .ticket = ended->ticket, .part = 0, .shard = shard_.id()},
       .gate = gate},
      reply);
  finishing_.push_back({.client = ended->client, .stamp = stamp, .parts = std::move(ended->parts)});
}

// Of its PUBLISHes, now that their gate is known.
void Groups::SendMessages(const Group& group, TurnStamp gate) {
  for (const Step& step : group.steps) {
    if (step.command->home == Home::kSubscribers)
      router_.channels().Broadcast(step.words[1], step.words[2], gate);
  }
}

void Groups::SendFinishes() {
  for (const Finishing& group : finishing_) {
    std::string index;
    AppendInt<Index>(index, shard_.gate().IndexOf(group.stamp));
    const std::string_view words[] = {index};
    for (const Part& part : group.parts) {
      router_.Send(part.shard,
                   {.from = {.client = group.client, .ticket = 0, .part = 0, .shard = shard_.id()},
                    .command = nullptr,
                    .db = 0,
                    .resp_version = 0,
                    .kind = RequestKind::kFinish},
                   words);
    }
  }
  finishing_.clear();
}

}  // namespace holdfast
