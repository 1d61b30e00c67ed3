#include "server/shard/router.h"

#include <algorithm>

#include "protocol/words.h"
#include "server/command_table.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// What answers to other shards may take in one turn: beyond it the rest waits for the next.
constexpr size_t kAnsweredBytesPerTurn = size_t{1} << 20;

// A command over more keys goes in parts even where all of them are ours: a turn stays short.
constexpr size_t kKeysAtOnceMax = 256;

// What an unknown name is quoted with at most, as Redis does.
constexpr size_t kQuotedBytesMax = 128;

std::string UnknownCommand(Args words) {
  std::string text = "ERR unknown command '";
  text += words[0].substr(0, kQuotedBytesMax);
  text += "', with args beginning with: ";
  // Quotes and spaces count.
  const size_t begin = text.size();
  for (const std::string_view word : words.subspan(1)) {
    const size_t quoted = text.size() - begin;
    if (quoted >= kQuotedBytesMax) break;
    text += '\'';
    text += word.substr(0, kQuotedBytesMax - quoted);
    text += "' ";
  }
  return text;
}

bool ArityFits(const CommandSpec& command, size_t words) {
  return command.arity >= 0 ? words == static_cast<size_t>(command.arity)
                            : words >= static_cast<size_t>(-command.arity);
}

size_t BytesOf(Args words) {
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

// [first, last] of the row's keys in this command line.
std::pair<size_t, size_t> KeyRange(const CommandSpec& command, size_t words) {
  const auto first = static_cast<size_t>(command.keys.first);
  const size_t last = command.keys.last >= 0 ? static_cast<size_t>(command.keys.last)
                                             : words - static_cast<size_t>(-command.keys.last);
  return {first, last};
}

}  // namespace

Router::Router(Shard& shard, Post& post)
    : shard_(shard), post_(post), outboxes_(static_cast<size_t>(shard.server().map.shards())) {}

void Router::Add(Client& client) {
  clients_.emplace(client.id, &client);
  shard_.metrics().clients.Set(clients_.size());
}

void Router::Remove(Client& client) {
  clients_.erase(client.id);
  std::erase(dirty_, &client);
  std::erase(gated_, &client);
  shard_.metrics().clients.Set(clients_.size());
}

std::string Router::Refusal(const Client& client, const CommandSpec* command, Args words) const {
  if (command == nullptr) return UnknownCommand(words);
  if ((command->flags & kContainer) != 0 && words.size() >= 2) {
    return "ERR unknown subcommand '" + std::string(words[1].substr(0, kQuotedBytesMax)) +
           "'. Try " + std::string(command->name) + " HELP.";
  }
  if (!ArityFits(*command, words.size()) || command->run == nullptr) {
    return "ERR wrong number of arguments for '" + LowerCased(command->name) + "' command";
  }
  if (!client.authenticated && (command->flags & kNoAuth) == 0 && shard_.RequiresAuth()) {
    return "NOAUTH Authentication required.";
  }
  return {};
}

void Router::Execute(Client& client, Args words) {
  Invariant(!client.blocked());
  const CommandSpec* command = Commands().Find(words);
  shard_.NoteCommand();
  client.last_seen = shard_.now().now;
  shard_.metrics().commands_processed.Add();
  if (const std::string refusal = Refusal(client, command, words); !refusal.empty()) {
    return ReplyError(client, refusal);
  }
  client.last_command = command;
  const bool has_key =
      command->keys.first > 0 && words.size() > static_cast<size_t>(command->keys.first);
  switch (command->home) {
    case Home::kClient:
      RunOnClient(client, *command, words);
      break;
    case Home::kKey:
      if (!has_key) {
        SpreadShards(client, *command, words);
        break;
      }
      [[fallthrough]];
    case Home::kCursor:
      Route(client, *command, words, SlotOfRequest(*command, words));
      break;
    case Home::kEachKey:
      SpreadKeys(client, *command, words);
      break;
    case Home::kEveryShard:
      SpreadShards(client, *command, words);
      break;
  }
  if (shard_.BatchIsFull()) EndTurn();
}

Slot Router::SlotOfRequest(const CommandSpec& command, Args words) const {
  if (command.home == Home::kCursor) {
    // A malformed cursor is answered by the command itself, wherever it runs.
    return SlotOfCursor(ParseUint64(words[1]).value_or(0));
  }
  return SlotOf(words[static_cast<size_t>(command.keys.first)]);
}

void Router::ReplyError(Client& client, std::string_view text) {
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  RespWriter(out, client.resp).Error(text);
  shard_.metrics().error_replies.Add();
  SealReply(client, mark, 0);
}

void Router::RunOnClient(Client& client, const CommandSpec& command, Args words) {
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  const RequestHeader request{
      .from = {.client = client.id, .ticket = 0, .part = kWholeReply, .shard = shard_.id()},
      .command = &command,
      .db = client.db,
      .resp_version = static_cast<uint8_t>(client.resp)};
  const Outcome outcome = Run(request, &client, words, out);
  Invariant(!outcome.parked);
  SealReply(client, mark, outcome.gate);
}

void Router::Route(Client& client, const CommandSpec& command, Args words, Slot slot) {
  RequestHeader request{
      .from = {.client = client.id, .ticket = 0, .part = kWholeReply, .shard = shard_.id()},
      .command = &command,
      .db = client.db,
      .resp_version = static_cast<uint8_t>(client.resp)};
  const ShardId owner = shard_.server().map.OwnerOf(slot);
  if (owner != shard_.id()) {
    request.from.ticket = client.replies.Expect(BytesOf(words));
    AppendRequest(outboxes_[owner].requests, request, words);
    shard_.metrics().requests_sent.Add();
    return;
  }
  if (parked_.empty() || !parked_.contains(slot)) {
    std::string& out = client.replies.tail();
    const size_t mark = out.size();
    const Outcome outcome = Run(request, nullptr, words, out);
    if (!outcome.parked) {
      SealReply(client, mark, outcome.gate);
      return;
    }
  }
  request.from.ticket = client.replies.Expect(BytesOf(words));
  Park(slot, request, words);
}

Router::Outcome Router::Run(const RequestHeader& request, Client* client, Args words,
                            std::string& out) {
  const CommandSpec& command = *request.command;
  const size_t mark = out.size();
  CommandContext ctx{.shard = shard_,
                     .router = *this,
                     .client = client,
                     .reply = RespWriter(out, static_cast<RespVersion>(request.resp_version)),
                     .db = request.db,
                     .now = shard_.now(),
                     .client_id = request.from.client};
  const auto first_key = static_cast<size_t>(command.keys.first);
  if (first_key > 0 && words.size() > first_key) {
    ctx.place = shard_.At(request.db, words[first_key]);
    if ((command.flags & kStock) != 0 && !shard_.PrepareStock(ctx))
      return {.parked = true, .gate = 0};
  }
  if ((command.flags & kGrows) != 0 && !shard_.MayGrow()) {
    ctx.reply.Error(shard_.GrowthRefusal());
  } else {
    command.run(ctx, words);
  }
  if (out.size() > mark && out[mark] == '-') shard_.metrics().error_replies.Add();
  return {.parked = false, .gate = ctx.gate};
}

void Router::Park(Slot slot, const RequestHeader& request, Args words) {
  std::string packed;
  AppendRequest(packed, request, words);
  parked_[slot].push_back(std::move(packed));
  shard_.metrics().parked.Add();
}

// ---- several shards

void Router::StartGather(Client& client, const CommandSpec& command, size_t parts) {
  client.gather = std::make_unique<Gather>(Gather{.command = &command,
                                                  .ticket = client.replies.Expect(0),
                                                  .parts_missing = parts,
                                                  .parts = std::vector<std::string>(parts)});
}

RequestHeader Router::PartOf(const Client& client, size_t part) const {
  return {.from = {.client = client.id,
                   .ticket = client.gather->ticket,
                   .part = static_cast<uint32_t>(part),
                   .shard = shard_.id()},
          .command = client.gather->command,
          .db = client.db,
          .resp_version = static_cast<uint8_t>(client.resp)};
}

void Router::SpreadKeys(Client& client, const CommandSpec& command, Args words) {
  if (SpreadKeysHere(client, command, words)) return;
  const auto [first, last] = KeyRange(command, words.size());
  StartGather(client, command, last - first + 1);
  for (size_t at = first; at <= last; ++at) {
    const std::string_view part[] = {words[0], words[at]};
    const ShardId owner = shard_.server().map.OwnerOf(SlotOf(words[at]));
    AppendRequest(outboxes_[owner].requests, PartOf(client, at - first), part);
    if (owner != shard_.id()) shard_.metrics().requests_sent.Add();
  }
}

// Without a detour when every key is ours and none has to wait.
bool Router::SpreadKeysHere(Client& client, const CommandSpec& command, Args words) {
  const auto [first, last] = KeyRange(command, words.size());
  if (last - first >= kKeysAtOnceMax) return false;
  for (size_t at = first; at <= last; ++at) {
    const Slot slot = SlotOf(words[at]);
    if (shard_.server().map.OwnerOf(slot) != shard_.id() || parked_.contains(slot)) return false;
  }
  const RequestHeader request{.from = {},
                              .command = &command,
                              .db = client.db,
                              .resp_version = static_cast<uint8_t>(client.resp)};
  std::vector<std::string> parts(last - first + 1);
  TurnStamp gate = 0;
  for (size_t at = first; at <= last; ++at) {
    const std::string_view part[] = {words[0], words[at]};
    const Outcome outcome = Run(request, nullptr, part, parts[at - first]);
    // Only reads of stock park, and they may be asked again.
    if (outcome.parked) return false;
    gate = std::max(gate, outcome.gate);
  }
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  RespWriter reply(out, client.resp);
  command.combine(reply, parts);
  SealReply(client, mark, gate);
  return true;
}

void Router::SpreadShards(Client& client, const CommandSpec& command, Args words) {
  StartGather(client, command, outboxes_.size());
  for (size_t shard = 0; shard < outboxes_.size(); ++shard) {
    AppendRequest(outboxes_[shard].requests, PartOf(client, shard), words);
    if (shard != shard_.id()) shard_.metrics().requests_sent.Add();
  }
}

// ---- letters

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
  const bool has_slot = request.command->home != Home::kEveryShard &&
                        words.size() > static_cast<size_t>(request.command->keys.first);
  const Slot slot = has_slot ? SlotOfRequest(*request.command, words) : 0;
  scratch_.clear();
  Outcome outcome{.parked = has_slot && parked_.contains(slot), .gate = 0};
  if (!outcome.parked) outcome = Run(request, nullptr, words, scratch_);
  if (outcome.parked) return Park(slot, request, words);
  answered_bytes_ += sizeof(ResponseHeader) + scratch_.size();
  AppendResponse(outboxes_[request.from.shard].responses,
                 {.to = request.from, .gate = outcome.gate}, scratch_);
}

void Router::RetryParked() {
  // Each try settles another slice of due holds; the front of a queue goes first, or nobody does.
  std::vector<Slot> done;
  std::vector<std::string_view> words;
  for (auto& [slot, queue] : parked_) {
    while (!queue.empty() && !shard_.BatchIsFull()) {
      std::string_view packed = queue.front();
      const RequestHeader request = TakeRequest(packed, words);
      scratch_.clear();
      const Outcome outcome = Run(request, nullptr, words, scratch_);
      if (outcome.parked) break;
      AppendResponse(outboxes_[request.from.shard].responses,
                     {.to = request.from, .gate = outcome.gate}, scratch_);
      queue.pop_front();
    }
    if (queue.empty()) done.push_back(slot);
  }
  for (const Slot slot : done) parked_.erase(slot);
}

void Router::DeliverResponses(std::string_view responses) {
  while (!responses.empty()) {
    std::string_view reply;
    const ResponseHeader header = TakeResponse(responses, reply);
    const auto at = clients_.find(header.to.client);
    if (at == clients_.end()) continue;  // it left
    Client& client = *at->second;
    MarkDirty(client);
    if (header.to.part == kWholeReply) {
      client.replies.Fulfil(header.to.ticket, reply, header.gate);
    } else {
      FinishPart(client, header, reply);
    }
  }
}

void Router::FinishPart(Client& client, const ResponseHeader& header, std::string_view reply) {
  Gather& gather = *client.gather;
  Invariant(gather.ticket == header.to.ticket);
  gather.parts[header.to.part] = reply;
  gather.gate = std::max<Index>(gather.gate, header.gate);
  if (--gather.parts_missing > 0) return;
  const auto whole = std::move(client.gather);
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
  if (!parked_.empty()) RetryParked();
  shard_.Sweep();
}

void Router::EndTurn() {
  answered_bytes_ = 0;
  shard_.PushBatch();  // (1)

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
