#include "server/shard/channels.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include "server/shard/router.h"
#include "storage/base/bytes.h"

namespace holdfast {
namespace {

// What a subscription takes beside its name: two tables' places, and the audience.
constexpr size_t kSubscriptionBytes = 128;

constexpr size_t kByteValues = 256;

// The first byte alone tells RESP2 from RESP3: one text serves the clients of both.
void SetVersion(std::string& frame, RespVersion version) {
  frame.front() = version == RespVersion::kResp3 ? '>' : '*';
}

NameCounts& CountsOf(ServerState& server, Topic topic) {
  return topic == Topic::kChannel ? server.channels : server.patterns;
}

}  // namespace

size_t Audience::bytes() const {
  // An automaton: a row of bits for each byte value.
  const size_t matcher = pattern == nullptr ? 0 : kByteValues * (name.size() / 64 + 1) * 8;
  return kSubscriptionBytes + name.size() + matcher;
}

size_t Channels::NameHash::operator()(std::string_view name) const {
  return absl::HashOf(absl::string_view(name.data(), name.size()));
}

Channels::~Channels() {
  std::atomic<size_t>& untold_bytes = shard_.server().untold_bytes;
  for (const auto& waiting : queue_) {
    if (const auto* const events = std::get_if<Events>(&waiting)) {
      untold_bytes -= events->packed.size();
    } else if (const auto* const message = std::get_if<Message>(&waiting)) {
      if (message->header.to.ticket == 0) untold_bytes -= message->packed.size();
    }
  }
}

// ---- subscriptions

template <typename Table>
void Channels::Join(Table& table, Subscriptions::Numbered& numbered, Client& client, Topic topic,
                    std::string_view name) {
  auto found = table.find(name);
  if (found == table.end()) {
    auto audience = std::make_unique<Audience>();
    audience->name = name;
    if (topic == Topic::kPattern) audience->pattern = std::make_unique<GlobPattern>(name);
    const std::string_view key = audience->name;
    found = table.emplace(key, std::move(audience)).first;
    CountsOf(shard_.server(), topic).Add(name);
  }
  Audience& audience = *found->second;
  if (!audience.clients.insert(&client).second) return;
  numbered.emplace(&audience, ++client.subscriptions->last_number);
  client.subscriptions->bytes += audience.bytes();
  ++subscriptions_;
}

template <typename Table>
void Channels::Part(Table& table, Subscriptions::Numbered& numbered, Client& client,
                    std::string_view name) {
  const auto found = table.find(name);
  if (found == table.end()) return;
  Audience& audience = *found->second;
  if (audience.clients.erase(&client) == 0) return;
  numbered.erase(&audience);
  client.subscriptions->bytes -= audience.bytes();
  --subscriptions_;
  if (!audience.clients.empty()) return;
  CountsOf(shard_.server(), audience.pattern == nullptr ? Topic::kChannel : Topic::kPattern)
      .Remove(name);
  table.erase(found);
  if (table.empty()) table = {};  // its memory, too
}

void Channels::Subscribe(Client& client, Topic topic, std::string_view name) {
  if (client.subscriptions == nullptr) {
    client.subscriptions = std::make_unique<Subscriptions>();
    ++clients_;
  }
  Subscriptions& own = *client.subscriptions;
  if (topic == Topic::kChannel) {
    Join(channels_, own.channels, client, topic, name);
  } else {
    Join(patterns_, own.patterns, client, topic, name);
  }
  PublishCounts(client);
}

void Channels::Unsubscribe(Client& client, Topic topic, std::string_view name) {
  if (client.subscriptions == nullptr) return;
  Subscriptions& own = *client.subscriptions;
  if (topic == Topic::kChannel) {
    Part(channels_, own.channels, client, name);
  } else {
    Part(patterns_, own.patterns, client, name);
  }
  PublishCounts(client);
}

void Channels::PublishCounts(Client& client) {
  if (client.subscriptions->count() == 0) {
    client.subscriptions.reset();
    --clients_;
  }
  shard_.metrics().subscriptions.Set(subscriptions_);
  shard_.metrics().pubsub_clients.Set(clients_);
}

std::vector<std::string> Channels::NamesOf(const Client& client, Topic topic) {
  if (client.subscriptions == nullptr) return {};
  const Subscriptions& own = *client.subscriptions;
  std::vector<std::pair<uint64_t, const Audience*>> ordered;
  for (const auto& [audience, number] : topic == Topic::kChannel ? own.channels : own.patterns)
    ordered.emplace_back(number, audience);
  std::ranges::sort(ordered);
  std::vector<std::string> names;
  names.reserve(ordered.size());
  for (const auto& [number, audience] : ordered) names.push_back(audience->name);
  return names;
}

void Channels::Leave(Client& client) {
  for (const Topic topic : {Topic::kChannel, Topic::kPattern}) {
    for (const std::string& name : NamesOf(client, topic)) Unsubscribe(client, topic, name);
  }
}

size_t Channels::SubscribersOf(std::string_view channel) const {
  const auto found = channels_.find(channel);
  return found == channels_.end() ? 0 : found->second->clients.size();
}

// ---- publishing

bool Channels::Publishes(const Client& client, const CommandSpec& command) {
  if (command.home != Home::kTransaction) return command.home == Home::kSubscribers;
  return client.transaction != nullptr && client.transaction->publishes;
}

TurnStamp Channels::GateOf(const Client& client) {
  const TurnStamp stamp =
      std::max(client.replies.latest_stamp(), shard_.StampFor(client.replies.latest_index()));
  return shard_.gate().Acked(stamp) ? 0 : stamp;
}

bool Channels::OnlyHere() const { return OthersWithSubscribers().empty(); }

std::vector<ShardId> Channels::OthersWithSubscribers() const {
  std::vector<ShardId> others;
  const ServerState& server = shard_.server();
  for (int shard = 0; shard < server.map.shards(); ++shard) {
    const bool has_any = server.metrics[static_cast<size_t>(shard)].subscriptions.Get() > 0;
    if (has_any && shard != shard_.id()) others.push_back(static_cast<ShardId>(shard));
  }
  return others;
}

void Channels::Publish(Client& client, const CommandSpec& command, Args words) {
  const std::string_view channel = words[1];
  const std::string_view message = words[2];
  const TurnStamp gate = GateOf(client);
  // Before the reply, as in Redis: the publisher may be one of them.
  const uint64_t receivers = Deliver(channel, message, gate);
  const std::vector<ShardId> others = OthersWithSubscribers();
  const RequestHeader header{
      .from = {.client = client.id, .ticket = 0, .part = kWholeReply, .shard = shard_.id()},
      .command = &command,
      .db = client.db,
      .resp_version = static_cast<uint8_t>(client.resp)};
  if (others.empty()) {
    std::string& out = client.replies.tail();
    const size_t mark = out.size();
    RespWriter(out, client.resp).Integer(static_cast<int64_t>(receivers));
    router_.observers().Ran(header, words, {});
    return router_.SealReply(client, mark, 0);
  }
  const uint64_t number = ++last_publication_;
  publications_.emplace(
      number, Publication{.client = client.id,
                          .ticket = client.replies.Expect(channel.size() + message.size()),
                          .parts_missing = others.size(),
                          .receivers = receivers});
  ++client.publishing;
  for (const ShardId to : others) SendMessage(to, number, channel, message, gate);
  router_.observers().Ran(header, words, {});
}

void Channels::Broadcast(std::string_view channel, std::string_view message, TurnStamp gate) {
  Deliver(channel, message, gate);
  for (const ShardId to : OthersWithSubscribers()) SendMessage(to, 0, channel, message, gate);
}

void Channels::TellEvents(std::string packed) {
  if (subscriptions_ == 0 && OnlyHere()) return;
  Events events{.packed = std::move(packed), .stamp = shard_.EventStamp()};
  if (!MustQueue() && Tell(events)) return;
  shard_.server().untold_bytes += events.packed.size();
  queue_.emplace_back(std::move(events));
}

bool Channels::Tell(Events& events) {
  std::string_view rest = std::string_view(events.packed).substr(events.told);
  KeyEvent event{};
  while (!IsTired() && TakeKeyEvent(rest, event)) Tell(event, event.gated ? events.stamp : 0);
  events.told = events.packed.size() - rest.size();
  return rest.empty();
}

void Channels::Tell(const KeyEvent& event, TurnStamp gate) {
  const uint32_t flags = shard_.config().notify_keyspace_events;
  const std::string db = std::to_string(event.db);
  std::string channel;
  if ((flags & kKeyspaceChannels) != 0) {
    channel.append("__keyspace@").append(db).append("__:").append(event.key);
    Broadcast(channel, event.event, gate);
  }
  if ((flags & kKeyeventChannels) != 0) {
    channel.assign("__keyevent@").append(db).append("__:").append(event.event);
    Broadcast(channel, event.key, gate);
  }
}

// As a response, for those carry a gate that becomes an index at the push.
void Channels::SendMessage(ShardId to, uint64_t publication, std::string_view channel,
                           std::string_view message, TurnStamp gate) {
  std::string packed;
  packed.reserve(channel.size() + message.size() + 16);
  AppendInt<ShardId>(packed, shard_.id());
  AppendWord(packed, channel);
  AppendWord(packed, message);
  router_.Respond({.to = {.client = 0, .ticket = publication, .part = 0, .shard = to},
                   .gate = gate,
                   .kind = ResponseKind::kMessage},
                  packed);
}

void Channels::OnMessage(const ResponseHeader& header, std::string_view packed) {
  if (!MustQueue()) return Serve(header, packed);
  if (header.to.ticket == 0) shard_.server().untold_bytes += packed.size();
  queue_.emplace_back(Message{.header = header, .packed = std::string(packed)});
}

void Channels::Work() {
  while (!queue_.empty() && !IsTired()) {
    if (auto* const events = std::get_if<Events>(&queue_.front())) {
      if (!Tell(*events)) return;
      shard_.server().untold_bytes -= events->packed.size();
      queue_.pop_front();
      continue;
    }
    const auto next = std::move(queue_.front());
    queue_.pop_front();
    if (const auto* const message = std::get_if<Message>(&next)) {
      if (message->header.to.ticket == 0) shard_.server().untold_bytes -= message->packed.size();
      Serve(message->header, message->packed);
    } else if (Client* client = router_.FindClient(std::get<Publisher>(next).client)) {
      router_.ResumeStalled(*client);
    }
  }
}

void Channels::Serve(const ResponseHeader& header, std::string_view packed) {
  ByteReader reader(packed);
  const auto from = reader.Int<ShardId>();
  const std::string_view channel = reader.Word();
  const std::string_view message = reader.Word();
  Invariant(reader.AtEnd());
  const uint64_t receivers = Deliver(channel, message, shard_.StampFor(header.gate));
  if (header.to.ticket == 0) return;
  std::string answer;
  AppendInt<uint64_t>(answer, receivers);
  router_.Respond({.to = {.client = 0, .ticket = header.to.ticket, .part = 0, .shard = from},
                   .gate = 0,
                   .kind = ResponseKind::kReceived},
                  answer);
}

void Channels::OnReceived(const ResponseHeader& header, std::string_view packed) {
  const auto found = publications_.find(header.to.ticket);
  Invariant(found != publications_.end());
  Publication& publication = found->second;
  publication.receivers += ByteReader(packed).Int<uint64_t>();
  if (--publication.parts_missing > 0) return;
  const Publication counted = publication;
  publications_.erase(found);
  if (Client* const client = router_.FindClient(counted.client)) --client->publishing;
  std::string reply;
  RespWriter(reply, RespVersion::kResp2).Integer(static_cast<int64_t>(counted.receivers));
  router_.TakeReply({.to = {.client = counted.client,
                            .ticket = counted.ticket,
                            .part = kWholeReply,
                            .shard = shard_.id()},
                     .gate = 0},
                    reply);
}

// ---- delivering

// What would take too long is no match, as for KEYS.
bool Channels::Matches(const Audience& audience, std::string_view channel) const {
  return audience.pattern->CostOn(channel.size()) <= kGlobWorkMax &&
         audience.pattern->Matches(channel);
}

uint64_t Channels::ReceiversOf(std::string_view channel) {
  uint64_t receivers = SubscribersOf(channel);
  for (const auto& [name, audience] : patterns_) {
    if (Matches(*audience, channel)) receivers += audience->clients.size();
  }
  return receivers;
}

// A text is made once for all that get it.
uint64_t Channels::Deliver(std::string_view channel, std::string_view message, TurnStamp gate) {
  uint64_t receivers = 0;
  std::string frame;
  RespWriter writer(frame, RespVersion::kResp3);
  const auto send_to = [&](const Audience& audience) {
    for (Client* client : audience.clients) Send(*client, frame, gate);
    receivers += audience.clients.size();
  };
  steps_ += 1 + patterns_.size();
  if (const auto found = channels_.find(channel); found != channels_.end()) {
    writer.Push(3);
    writer.Bulk("message");
    writer.Bulk(channel);
    writer.Bulk(message);
    send_to(*found->second);
  }
  for (const auto& [name, audience] : patterns_) {
    if (!Matches(*audience, channel)) continue;
    frame.clear();
    writer.Push(4);
    writer.Bulk("pmessage");
    writer.Bulk(name);
    writer.Bulk(channel);
    writer.Bulk(message);
    send_to(*audience);
  }
  steps_ += receivers;
  return receivers;
}

// Beyond its limit a client is closed when the turn ends, and is sent nothing more: there is no gap
// in what a subscriber sees.
void Channels::Send(Client& client, std::string& frame, TurnStamp gate) {
  if (client.overflowed) return;
  const int64_t limit = HardLimitOf(shard_.config(), client);
  if (client.replies.bytes() + frame.size() > static_cast<size_t>(limit)) {
    client.overflowed = true;
    return router_.Push(client, {});
  }
  SetVersion(frame, client.resp);
  router_.Push(client, frame, gate);
}

}  // namespace holdfast
