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

// A command over more keys goes in parts even where all of them are ours: a turn stays short.
constexpr size_t kKeysAtOnceMax = 256;

// Requests that are looked at together; there may be more.
constexpr size_t kAheadMax = 32;

// Whether that name alone tells the row, and is the request's: a subcommand's row has a longer one.
bool IsNamedAlike(const Request& request, std::string_view name) {
  const auto& [words, command, key] = request;
  return command != nullptr && (command->flags & kContainer) == 0 &&
         command->name.size() == words[0].size() && EqualsIgnoreCase(words[0], name);
}

size_t BytesOf(Args words) {
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

// Not what is about the connection or the server, nor how many hear a message. EXEC does if what it
// runs does.
bool TellsData(const Client& client, const CommandSpec& command) {
  const bool queued = client.transaction != nullptr && client.transaction->tells_data;
  return queued || (command.home != Home::kClient && command.home != Home::kSubscribers &&
                    command.home != Home::kTransaction);
}

}  // namespace

Router::Router(Shard& shard, Post& post)
    : shard_(shard),
      post_(post),
      commands_(Commands()),
      group_part_(*this, shard),
      groups_(*this, shard),
      transactions_(*this, shard, groups_),
      observers_(*this, shard),
      channels_(*this, shard),
      snapshot_walk_(*this, shard),
      defrag_walk_(shard),
      late_replies_(*this),
      outboxes_(static_cast<size_t>(shard.server().map.shards())) {}

void Router::Add(Client& client) {
  clients_.emplace(client.id, &client);
  shard_.metrics().clients.Set(clients_.size());
}

void Router::Remove(Client& client) {
  transactions_.Leave(client);
  observers_.SetMonitor(client, false);
  channels_.Leave(client);
  clients_.erase(client.id);
  std::erase(dirty_, &client);
  std::erase(gated_, &client);
  shard_.metrics().clients.Set(clients_.size());
}

void Router::RefuseWaiting(std::string_view error) {
  Invariant(dirty_.empty());
  std::string refusal;
  RespWriter(refusal, RespVersion::kResp2).Error(error);
  std::vector<Client*> all;
  for (const auto& [id, client] : clients_) all.push_back(client);
  for (Client* client : all) Dismiss(*client, refusal);
}

// As if it left: what it asked of others is done, and brings nothing any more.
void Router::Dismiss(Client& client, std::string_view refusal) {
  Remove(client);
  client.gated = false;
  client.gather.reset();
  client.transaction.reset();
  client.publishing = 0;
  client.postponed = false;
  client.close_after_replies = true;
  client.replies.RefuseWaiting(refusal);
  if (!std::exchange(client.stalled, {}).empty()) {
    std::string& out = client.replies.tail();
    const size_t mark = out.size();
    out += refusal;
    client.replies.Seal(mark, 0);
  }
  client.sink->OnReplies();
}

Client* Router::FindClient(uint64_t id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second;
}

Request Router::Read(Args words, const Request* before) const {
  const bool alike = before != nullptr && IsNamedAlike(*before, words[0]);
  Request request{.words = words, .command = alike ? before->command : commands_.Find(words)};
  if (request.command == nullptr || !HasKey(*request.command, words)) return request;
  const std::string_view key = KeyWord(*request.command, words, 0);
  if (alike && before->key && KeyWord(*before->command, before->words, 0) == key) {
    request.key = before->key;
  } else {
    request.key = KeyHash{.slot = SlotOf(key), .hash = shard_.keyspace().Hash(key).hash};
  }
  return request;
}

void Router::Prefetch(std::span<const Ahead> all) const {
  if (shard_.loading()) return;
  const Keyspace& keyspace = shard_.keyspace();
  absl::InlinedVector<KeyPlace, kAheadMax> places;
  struct OfStock {
    const Request* request;
    size_t place;
  };
  absl::InlinedVector<OfStock, kAheadMax> of_stock;
  for (const auto& [client, requests] : all) {
    for (const Request& request : requests) {
      const auto& [words, command, key] = request;
      if (!key || shard_.server().map.OwnerOf(key->slot) != shard_.id()) continue;
      // A burst is about one SKU: once is enough.
      if (places.empty() || places.back().hash != key->hash || places.back().db != client->db)
        places.push_back({{client->db, key->slot, KeyWord(*command, words, 0)}, key->hash});
      if (command->ahead != nullptr && client->db == kStockDb)
        of_stock.push_back({.request = &request, .place = places.size() - 1});
    }
  }
  if (places.size() > 1) keyspace.Prefetch(places);
  if (of_stock.size() <= 1) return;
  absl::InlinedVector<Keyspace::RecordsAhead, kAheadMax> records;
  Keyspace::ItemsAhead items(keyspace);
  for (const auto& [request, sku] : of_stock) {
    const Item* const item = items.Find(places[sku]);
    const auto& [words, command, key] = *request;
    if (item == nullptr || !ArityFits(*command, words.size())) continue;
    const RecordWords ahead = command->ahead(words);
    records.push_back({.item = item, .hold_id = ahead.hold_id, .buyer = ahead.buyer});
  }
  Keyspace::PrefetchRecords(records);
}

void Router::Execute(Client& client, const Request& request) {
  Invariant(!client.blocked());
  const auto& [words, command, key] = request;
  shard_.NoteCommand();
  client.last_seen = shard_.now();
  shard_.metrics().commands_processed.Add();
  const RefusalReasons reasons{.config = shard_.config(),
                               .loading = shard_.loading(),
                               .follows = shard_.follows(),
                               .stale = shard_.IsStale()};
  if (!IsOrdinary(client, command, words, reasons)) {
    const std::string refusal = RefusalOf(client, command, words, reasons);
    if (!refusal.empty()) return Refuse(client, command, refusal);
  }
  client.last_command = command;
  if (TellsData(client, *command)) {
    client.tells_data = true;
    if (client.transaction != nullptr) client.transaction->tells_data = true;
  }
  observers_.Asked(client, *command, words);
  if (client.transaction != nullptr && (command->flags & kImmediate) == 0) {
    return transactions_.Queue(client, *command, words);
  }
  if (channels_.MustWait(client, *command)) {
    AppendRequest(client.stalled, HeaderOf(client, *command), words);
    if (channels_.MustQueue()) channels_.Queue(client);
    return;
  }
  Dispatch(client, request);
  if (shard_.BatchIsFull()) EndTurn();
}

void Router::Refuse(Client& client, const CommandSpec* command, std::string_view text) {
  if (command != nullptr && command->home == Home::kTransaction)
    return transactions_.Abort(client, *command, text);
  if (client.transaction != nullptr) client.transaction->broken = true;
  ReplyError(client, text, command);
}

void Router::Dispatch(Client& client, const Request& request) {
  const CommandSpec& command = *request.command;
  const Args words = request.words;
  switch (command.home) {
    case Home::kClient:
      return RunOnClient(client, command, words);
    case Home::kLater:
      return RunLater(client, command, words);
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
    case Home::kSubscribers:
      return channels_.Publish(client, command, words);
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
  if ((command.flags & kPushes) != 0) {
    std::string pushes;
    Run(HeaderOf(client, command), &client, words, pushes);
    SealReply(client, client.replies.tail().size(), 0);  // for CLIENT REPLY SKIP it counts
    return Push(client, pushes);
  }
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  const Outcome outcome = Run(HeaderOf(client, command), &client, words, out);
  Invariant(!outcome.parked);
  SealReply(client, mark, outcome.gate);
}

void Router::RunLater(Client& client, const CommandSpec& command, Args words) {
  StartGather(client, command, 1);
  const RequestHeader request = PartOf(client, 0);
  std::string refusal;
  const Outcome outcome = Run(request, &client, words, refusal);
  Invariant(!outcome.parked);
  if (!refusal.empty()) TakeReply({.to = request.from, .gate = outcome.gate}, refusal);
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
          .reply = RespWriter(out, static_cast<RespVersion>(request.resp_version), kReplyBytesMax),
          .db = request.db,
          .now = shard_.state_now(),
          .client_id = request.from.client};
}

// Whoever read it at its connection may have asked before we followed, or on a shard that no longer
// does.
std::string_view Router::RefusalOfChange(const CommandSpec& command) const {
  if (shard_.follows()) return kReadOnlyError;
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
  if (const std::string_view refusal = ChangeRefusal(command); !refusal.empty()) {
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
  BoundReply(out, mark);
  observers_.Ran(request, words, std::string_view(out).substr(mark));
  return {.parked = false, .gate = ctx.gate};
}

Router::Outcome Router::RunToEnd(const RequestHeader& request, Client* client, Args words,
                                 std::string& out) {
  for (;;) {
    const Outcome outcome = Run(request, client, words, out);
    if (!outcome.parked) return outcome;
    shard_.RenewSettling();
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

// ---- turns

// A local reply stands at the end of the client's queue.
void Router::SealReply(Client& client, size_t mark, TurnStamp gate) {
  client.replies.Seal(mark, shard_.gate().Acked(gate) ? 0 : gate);
  MarkDirty(client);
}

void Router::Push(Client& client, std::string_view bytes, TurnStamp gate) {
  client.replies.Append(bytes, shard_.gate().Acked(gate) ? 0 : gate);
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
  snapshot_walk_.Work();
  defrag_walk_.Work();
  late_replies_.Work();
  channels_.Work();
}

void Router::EndTurn() {
  answered_bytes_ = 0;
  if (shard_.HasEvents()) channels_.TellEvents(shard_.TakeEvents());
  channels_.EndTurn();
  shard_.PushBatch();  // (1)
  retry_ |= snapshot_walk_.AfterPush();
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
  const Index acked = AckedIndex(shard_.server());
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
  shard_.watch().StartLap();
}

void Router::OnAcked() {
  const Index acked = AckedIndex(shard_.server());
  shard_.OnAcked(acked);
  served_.swap(gated_);
  for (Client* client : served_) {
    client->gated = client->replies.Release(acked);
    if (client->gated) gated_.push_back(client);
    // Whoever has been answered in this turn is served at its end: what those answers tell of is
    // not pushed yet, and he might let its effect into the log first.
    if (!client->dirty) client->sink->OnReplies();
  }
  served_.clear();
}

}  // namespace holdfast
