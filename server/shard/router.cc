#include "server/shard/router.h"

#include <algorithm>
#include <utility>

#include <absl/container/inlined_vector.h>

#include "protocol/words.h"
#include "server/command_table.h"
#include "server/group.h"
#include "server/shard/refusal.h"
#include "server/shard/slot_needs.h"

namespace holdfast {
namespace {

// What answers to other shards may take in one turn: beyond it the rest waits for the next.
constexpr size_t kAnsweredBytesPerTurn = size_t{1} << 20;

// What is kept of a reply's memory for the next one.
constexpr size_t kScratchBytesKept = size_t{1} << 20;

// A command over more keys goes in parts even where all of them are ours: a turn stays short.
constexpr size_t kKeysAtOnceMax = 256;

size_t BytesOf(Args words) {
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

}  // namespace

Router::Router(Shard& shard, Post& post)
    : shard_(shard),
      post_(post),
      group_part_(*this, shard),
      groups_(*this, shard),
      transactions_(*this, shard, groups_),
      observers_(*this, shard),
      outboxes_(static_cast<size_t>(shard.server().map.shards())) {}

void Router::Add(Client& client) {
  clients_.emplace(client.id, &client);
  shard_.metrics().clients.Set(clients_.size());
}

void Router::Remove(Client& client) {
  transactions_.Leave(client);
  observers_.SetMonitor(client, false);
  clients_.erase(client.id);
  std::erase(dirty_, &client);
  std::erase(gated_, &client);
  shard_.metrics().clients.Set(clients_.size());
}

Client* Router::FindClient(uint64_t id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second;
}

Request Router::Read(Args words) const {
  Request request{.words = words, .command = Commands().Find(words)};
  if (request.command == nullptr || !HasKey(*request.command, words)) return request;
  const std::string_view key = KeyWord(*request.command, words, 0);
  request.key = KeyHash{.slot = SlotOf(key), .hash = shard_.keyspace().Hash(key).hash};
  return request;
}

void Router::Prefetch(const Client& client, std::span<const Request> requests) const {
  absl::InlinedVector<KeyPlace, 32> places;
  for (const auto& [words, command, key] : requests) {
    if (key && shard_.server().map.OwnerOf(key->slot) == shard_.id())
      places.push_back({{client.db, key->slot, KeyWord(*command, words, 0)}, key->hash});
  }
  if (places.size() > 1) shard_.keyspace().Prefetch(places);
}

void Router::Execute(Client& client, const Request& request) {
  Invariant(!client.blocked());
  const auto& [words, command, key] = request;
  shard_.NoteCommand();
  client.last_seen = shard_.now().now;
  shard_.metrics().commands_processed.Add();
  if (const std::string refusal = RefusalOf(client, command, words, shard_.config());
      !refusal.empty()) {
    if (command != nullptr && command->home == Home::kTransaction)
      return transactions_.Abort(client, *command, refusal);
    if (client.transaction != nullptr) client.transaction->broken = true;
    return ReplyError(client, refusal, command);
  }
  client.last_command = command;
  observers_.Asked(client, *command, words);
  if (client.transaction != nullptr && (command->flags & kImmediate) == 0) {
    return transactions_.Queue(client, *command, words);
  }
  Dispatch(client, request);
  if (shard_.BatchIsFull()) EndTurn();
}

void Router::Dispatch(Client& client, const Request& request) {
  const CommandSpec& command = *request.command;
  const Args words = request.words;
  switch (command.home) {
    case Home::kClient:
      return RunOnClient(client, command, words);
    case Home::kKey:
      if (!request.key) return SpreadShards(client, command, words);
      return Route(client, request, {&request.key->slot, 1});
    case Home::kCursor: {
      const Slot slot = SlotOfRequest(command, words);
      return Route(client, request, {&slot, 1});
    }
    case Home::kEachKey:
      if ((command.flags & kWatches) != 0 && !transactions_.Watch(client, command, words)) return;
      return SpreadKeys(client, command, words);
    case Home::kGroup:
      return RouteGroup(client, request);
    case Home::kEveryShard:
      return SpreadShards(client, command, words);
    case Home::kTransaction:
      transactions_.Execute(client, command);
      return observers_.Ran(HeaderOf(client, command), words, {});
  }
}

void Router::ReplyError(Client& client, std::string_view text, const CommandSpec* command) {
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  RespWriter(out, client.resp).Error(text);
  observers_.Rejected(command, std::string_view(out).substr(mark));
  SealReply(client, mark, 0);
}

void Router::ReplyRaw(Client& client, std::string_view reply) {
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  out += reply;
  SealReply(client, mark, 0);
}

RequestHeader Router::HeaderOf(const Client& client, const CommandSpec& command) const {
  return {.from = {.client = client.id, .ticket = 0, .part = kWholeReply, .shard = shard_.id()},
          .command = &command,
          .db = client.db,
          .resp_version = static_cast<uint8_t>(client.resp)};
}

void Router::RunOnClient(Client& client, const CommandSpec& command, Args words) {
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  const Outcome outcome = Run(HeaderOf(client, command), &client, words, out);
  Invariant(!outcome.parked);
  SealReply(client, mark, outcome.gate);
}

// All slots have one owner; none at all means every slot of the only shard.
void Router::Route(Client& client, const Request& asked, std::span<const Slot> slots) {
  const Args words = asked.words;
  RequestHeader request = HeaderOf(client, *asked.command);
  request.key = asked.key;
  const ShardId owner = slots.empty() ? shard_.id() : shard_.server().map.OwnerOf(slots.front());
  if (owner != shard_.id()) {
    request.from.ticket = client.replies.Expect(BytesOf(words));
    Send(owner, request, words);
    return;
  }
  const SlotLocks& locks = shard_.locks();
  const bool free = locks.idle() || locks.Free(SlotList(slots.begin(), slots.end()));
  if (free) {
    std::string& out = client.replies.tail();
    const size_t mark = out.size();
    const Outcome outcome = Run(request, nullptr, words, out);
    if (!outcome.parked) return SealReply(client, mark, outcome.gate);
    retry_ = true;
  }
  request.from.ticket = client.replies.Expect(BytesOf(words));
  Wait(SlotList(slots.begin(), slots.end()), request, words);
}

// Where one shard owns all keys, as any other command; else as a group over shards.
void Router::RouteGroup(Client& client, const Request& request) {
  const CommandSpec& command = *request.command;
  const ShardMap& map = shard_.server().map;
  if (KeyCount(command, request.words) == 1) return Route(client, request, {&request.key->slot, 1});
  const SlotNeeds needs = SlotsOf(command, request.words);
  const bool has_one_owner =
      needs.everywhere ? map.shards() == 1
                       : map.OwnerOf(needs.slots.front()) == map.OwnerOf(needs.slots.back());
  if (has_one_owner) return Route(client, request, needs.slots);
  StartGather(client, command, 1);
  groups_.Start(client, command, request.words);
}

CommandContext Router::ContextOf(const RequestHeader& request, std::string& out) {
  return {.shard = shard_,
          .router = *this,
          .client = nullptr,
          .reply = RespWriter(out, static_cast<RespVersion>(request.resp_version)),
          .db = request.db,
          .now = shard_.now(),
          .client_id = request.from.client};
}

std::string_view Router::GrowthRefusal(const CommandSpec& command) const {
  return (command.flags & kGrows) == 0 ? std::string_view() : shard_.GrowthRefusal();
}

Router::Outcome Router::Run(const RequestHeader& request, Client* client, Args words,
                            std::string& out) {
  const CommandSpec& command = *request.command;
  const size_t mark = out.size();
  CommandContext ctx = ContextOf(request, out);
  ctx.client = client;
  const auto first_key = static_cast<size_t>(command.keys.first);
  if (first_key > 0 && words.size() > first_key) {
    const std::string_view key = words[first_key];
    ctx.place = request.key ? KeyPlace{{request.db, request.key->slot, key}, request.key->hash}
                            : shard_.At(request.db, key);
    if ((command.flags & kStock) != 0 && !shard_.PrepareStock(ctx))
      return {.parked = true, .gate = 0};
  }
  if (const std::string_view refusal = GrowthRefusal(command); !refusal.empty()) {
    ctx.reply.Error(refusal);
    observers_.Rejected(&command, std::string_view(out).substr(mark));
    return {.parked = false, .gate = ctx.gate};
  }
  if (command.decide != nullptr) {
    GroupContext group(command, ctx, words);
    command.decide(group, words);
  } else {
    command.run(ctx, words);
  }
  observers_.Ran(request, words, std::string_view(out).substr(mark));
  return {.parked = false, .gate = ctx.gate};
}

Router::Outcome Router::RunToEnd(const RequestHeader& request, Client* client, Args words,
                                 std::string& out) {
  for (;;) {
    const Outcome outcome = Run(request, client, words, out);
    if (!outcome.parked) return outcome;
  }
}

// ---- several shards

void Router::StartGather(Client& client, const CommandSpec& command, size_t parts) {
  client.gather = std::make_unique<Gather>(Gather{.command = &command,
                                                  .ticket = client.replies.Expect(0),
                                                  .parts_missing = parts,
                                                  .parts = std::vector<std::string>(parts)});
}

RequestHeader Router::PartOf(const Client& client, size_t part) const {
  RequestHeader request = HeaderOf(client, *client.gather->command);
  request.from.ticket = client.gather->ticket;
  request.from.part = static_cast<uint32_t>(part);
  return request;
}

void Router::SpreadKeys(Client& client, const CommandSpec& command, Args words) {
  if (SpreadKeysHere(client, command, words)) return;
  const size_t keys = KeyCount(command, words);
  StartGather(client, command, keys);
  for (size_t i = 0; i < keys; ++i) {
    const std::string_view part[] = {words[0], KeyWord(command, words, i)};
    Send(shard_.server().map.OwnerOf(SlotOf(part[1])), PartOf(client, i), part);
  }
}

// Without a detour when every key is ours and none has to wait.
bool Router::SpreadKeysHere(Client& client, const CommandSpec& command, Args words) {
  const size_t keys = KeyCount(command, words);
  if (keys > kKeysAtOnceMax) return false;
  for (size_t i = 0; i < keys; ++i) {
    const Slot slot = SlotOf(KeyWord(command, words, i));
    if (shard_.server().map.OwnerOf(slot) != shard_.id() || !shard_.locks().Free(slot))
      return false;
  }
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  const Outcome outcome = RunEachKey(HeaderOf(client, command), words, out, true);
  // Only reads of stock must wait, and they may be asked again.
  if (outcome.parked) return false;
  SealReply(client, mark, outcome.gate);
  return true;
}

Router::Outcome Router::RunEachKey(const RequestHeader& request, Args words, std::string& out,
                                   bool waits) {
  const CommandSpec& command = *request.command;
  std::vector<std::string> parts(KeyCount(command, words));
  Outcome whole{.parked = false, .gate = 0};
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part[] = {words[0], KeyWord(command, words, i)};
    RequestHeader one = request;  // a part: the call is counted once
    one.key.reset();
    if (i > 0) one.from.part = static_cast<uint32_t>(i);
    const Outcome outcome =
        waits ? Run(one, nullptr, part, parts[i]) : RunToEnd(one, nullptr, part, parts[i]);
    if (outcome.parked) return outcome;
    whole.gate = std::max(whole.gate, outcome.gate);
  }
  RespWriter reply(out, static_cast<RespVersion>(request.resp_version));
  command.combine(reply, parts);
  return whole;
}

TurnStamp Router::RunWhole(const RequestHeader& request, Client& client, Args words,
                           std::string& out) {
  const CommandSpec& command = *request.command;
  Outcome outcome{};
  if (command.home == Home::kEachKey) {
    outcome = RunEachKey(request, words, out, false);
  } else if (command.home == Home::kEveryShard ||
             (command.home == Home::kKey && !HasKey(command, words))) {
    std::vector<std::string> parts(1);
    outcome = RunToEnd(request, nullptr, words, parts[0]);
    RespWriter reply(out, static_cast<RespVersion>(request.resp_version));
    command.combine(reply, parts);
  } else {
    outcome = RunToEnd(request, command.home == Home::kClient ? &client : nullptr, words, out);
  }
  return outcome.gate;
}

void Router::SpreadShards(Client& client, const CommandSpec& command, Args words) {
  StartGather(client, command, outboxes_.size());
  for (size_t shard = 0; shard < outboxes_.size(); ++shard)
    Send(static_cast<ShardId>(shard), PartOf(client, shard), words);
}

// ---- letters

void Router::Send(ShardId to, const RequestHeader& request, Args words) {
  AppendRequest(outboxes_[to].requests, request, words);
  if (to != shard_.id()) shard_.metrics().requests_sent.Add();
}

void Router::Respond(const ResponseHeader& header, std::string_view reply) {
  Invariant(reply.size() <= kResponseBytesMax);
  answered_bytes_ += sizeof header + reply.size();
  AppendResponse(outboxes_[header.to.shard].responses, header, reply);
}

void Router::Deliver(Letter letter) {
  if (!letter.requests.empty()) inbox_.push_back({.bytes = std::move(letter.requests)});
  DeliverResponses(letter.responses);
  ServeInbox();
}

void Router::ServeInbox() {
  while (!inbox_.empty() && answered_bytes_ < kAnsweredBytesPerTurn) {
    Requests& requests = inbox_.front();
    std::string_view rest = std::string_view(requests.bytes).substr(requests.done);
    const RequestHeader request = TakeRequest(rest, words_);
    if (request.from.shard != shard_.id()) shard_.metrics().requests_received.Add();
    Answer(request, words_);
    requests.done = requests.bytes.size() - rest.size();
    if (rest.empty()) inbox_.pop_front();
    if (shard_.BatchIsFull()) EndTurn();
  }
}

void Router::Answer(const RequestHeader& request, Args words) {
  scratch_.clear();
  TurnStamp gate = 0;
  const auto respond = [&](ResponseKind kind) {
    Respond({.to = request.from, .gate = gate, .kind = kind}, scratch_);
  };
  switch (request.kind) {
    case RequestKind::kCommand:
    case RequestKind::kLock:
      return Admit(request, words);
    case RequestKind::kGather:
      group_part_.Gather(request, words, scratch_, gate);
      return respond(ResponseKind::kGathered);
    case RequestKind::kPerform:
      group_part_.Perform(request, words, scratch_, gate);
      return respond(ResponseKind::kPerformed);
    case RequestKind::kApply:
      return group_part_.Apply(words);
    case RequestKind::kFinish:
      group_part_.Finish(request, words);
      retry_ = true;
      return;
    case RequestKind::kUnwatch:
      // Behind a WATCH of the same client that may still wait at a held slot.
      if (!words.empty() && !shard_.locks().idle()) return Wait({}, request, words);
      return shard_.watches().Remove(request.from.client);
    case RequestKind::kMonitorLine:
      return observers_.FeedMonitors(words[0]);
    case RequestKind::kNameSlow:
      return observers_.NameSlow(words);
  }
}

// ---- visits: who may be at a slot, and who waits there

void Router::Admit(const RequestHeader& request, Args words) {
  const bool idle = shard_.locks().idle();
  if (idle && Visit(request, words)) return;
  SlotNeeds needs;
  if (request.kind == RequestKind::kLock) {
    needs.slots = UnpackSlots(words[0]);
    needs.everywhere = needs.slots.empty();
  } else {
    needs = SlotsOf(*request.command, words);
  }
  if (needs.everywhere) needs.slots.clear();
  const bool asks_for_slots = needs.everywhere || !needs.slots.empty();
  const bool free = idle || !asks_for_slots || shard_.locks().Free(needs.slots);
  if (!idle && free && Visit(request, words)) return;
  retry_ |= free;  // behind a sweep, which has taken a slice
  Wait(std::move(needs.slots), request, words);
}

// False: something is due first, and a slice of it has been done.
bool Router::Visit(const RequestHeader& request, Args words) {
  scratch_.clear();
  if (request.kind == RequestKind::kLock) {
    TurnStamp gate = 0;
    if (!group_part_.Lock(request, words, scratch_, gate)) return false;
    Respond({.to = request.from, .gate = gate, .kind = ResponseKind::kGrant}, scratch_);
    return true;
  }
  if (request.kind == RequestKind::kUnwatch) {
    shard_.watches().Remove(request.from.client);
    return true;
  }
  const Outcome outcome = Run(request, nullptr, words, scratch_);
  if (outcome.parked) return false;
  BoundReply(scratch_);
  Respond({.to = request.from, .gate = outcome.gate}, scratch_);
  if (scratch_.capacity() > kScratchBytesKept) scratch_ = {};
  return true;
}

void Router::Wait(SlotList slots, const RequestHeader& request, Args words) {
  SlotLocks::Visit visit{.slots = std::move(slots), .request = {}};
  AppendRequest(visit.request, request, words);
  shard_.locks().Enqueue(std::move(visit));
  shard_.metrics().parked.Add();
}

// Each try of one that waits behind a sweep takes another slice of what is due.
void Router::RetryVisits() {
  retry_ = false;
  SlotLocks& locks = shard_.locks();
  std::vector<SlotLocks::VisitId> behind_sweeps;
  std::vector<std::string_view> words;
  for (bool moved = true; moved;) {
    moved = false;
    for (const SlotLocks::VisitId id : locks.Ready()) {
      if (std::ranges::find(behind_sweeps, id) != behind_sweeps.end()) continue;
      if (shard_.BatchIsFull() || answered_bytes_ >= kAnsweredBytesPerTurn) {
        retry_ = true;
        return;
      }
      std::string_view packed = locks.At(id).request;
      const RequestHeader request = TakeRequest(packed, words);
      if (Visit(request, words)) {
        locks.Leave(id);
        moved = true;
      } else {
        behind_sweeps.push_back(id);
      }
    }
  }
  retry_ = !behind_sweeps.empty();
}

void Router::DeliverResponses(std::string_view responses) {
  while (!responses.empty()) {
    std::string_view reply;
    const ResponseHeader header = TakeResponse(responses, reply);
    switch (header.kind) {
      case ResponseKind::kReply:
        TakeReply(header, reply);
        break;
      case ResponseKind::kGrant:
        groups_.OnGrant(header, reply);
        break;
      case ResponseKind::kGathered:
        groups_.OnGathered(header, reply);
        break;
      case ResponseKind::kPerformed:
        groups_.OnPerformed(header, reply);
        break;
    }
  }
}

void Router::TakeReply(const ResponseHeader& header, std::string_view reply) {
  Client* const client = FindClient(header.to.client);
  if (client == nullptr) return;  // it left
  MarkDirty(*client);
  if (header.to.part == kWholeReply) {
    client->replies.Fulfil(header.to.ticket, reply, header.gate);
  } else {
    FinishPart(*client, header, reply);
  }
}

void Router::FinishPart(Client& client, const ResponseHeader& header, std::string_view reply) {
  Gather& gather = *client.gather;
  Invariant(gather.ticket == header.to.ticket);
  gather.parts[header.to.part] = reply;
  gather.gate = std::max<Index>(gather.gate, header.gate);
  if (--gather.parts_missing > 0) return;
  const auto whole = std::move(client.gather);
  if (whole->command->combine == nullptr) {  // a group's only part
    client.replies.Fulfil(whole->ticket, whole->parts[0], whole->gate);
    return client.sink->OnResume();
  }
  std::string combined;
  RespWriter writer(combined, client.resp);
  whole->command->combine(writer, whole->parts);
  client.replies.Fulfil(whole->ticket, combined, whole->gate);
  client.sink->OnResume();
}

// ---- turns

// A local reply stands at the end of the client's queue.
void Router::SealReply(Client& client, size_t mark, TurnStamp gate) {
  client.replies.Seal(mark, shard_.gate().Acked(gate) ? 0 : gate);
  MarkDirty(client);
}

void Router::Push(Client& client, std::string_view bytes) {
  client.replies.Append(bytes);
  MarkDirty(client);
}

void Router::MarkDirty(Client& client) {
  if (client.dirty) return;
  client.dirty = true;
  dirty_.push_back(&client);
}

void Router::Work() {
  for (size_t left = to_self_.size(); left > 0; --left) {
    Letter letter = std::move(to_self_.front());
    to_self_.pop_front();
    Deliver(std::move(letter));
  }
  ServeInbox();
  if (retry_) RetryVisits();
  shard_.Sweep();
}

void Router::EndTurn() {
  answered_bytes_ = 0;
  shard_.PushBatch();  // (1)
  groups_.SendFinishes();

  const AckGate& gate = shard_.gate();
  for (Letter& letter : outboxes_) ResolveResponses(letter.responses, gate);  // (2)
  Index waited_for = 0;
  for (Client* client : dirty_) waited_for = std::max(waited_for, client->replies.Resolve(gate));
  if (waited_for > 0) shard_.server().log.RequestSync(waited_for);

  for (size_t to = 0; to < outboxes_.size(); ++to) {  // (3)
    if (outboxes_[to].empty()) continue;
    if (to == shard_.id()) {
      to_self_.push_back(std::exchange(outboxes_[to], {}));
    } else {
      post_.Send(static_cast<ShardId>(to), outboxes_[to]);
    }
  }
  const Index acked = AckedIndex(shard_.server().log);
  served_.swap(dirty_);
  for (Client* client : served_) {
    client->dirty = false;
    if (client->replies.Release(acked) && !client->gated) {
      client->gated = true;
      gated_.push_back(client);
    }
    client->sink->OnReplies();
  }
  served_.clear();
}

void Router::OnAcked() {
  const Index acked = AckedIndex(shard_.server().log);
  shard_.OnAcked(acked);
  served_.swap(gated_);
  for (Client* client : served_) {
    client->gated = client->replies.Release(acked);
    if (client->gated) gated_.push_back(client);
    client->sink->OnReplies();
  }
  served_.clear();
}

}  // namespace holdfast
