// Channels: who listens to what, and what is published to whom. A client's subscriptions live with
// its shard; a message goes to every shard that has a subscriber, and to no other.
//
//   publisher's shard                                    a shard with subscribers
//   PUBLISH ─► own subscribers' queues
//           ─► kMessage [from:u8 | channel | message] ─► its subscribers' queues
//   reply: the sum of all receivers          ◄── kReceived [receivers:u64]
//
// What is promised is what Redis promises, at most once: whoever is gone, or is closed because he
// does not read, misses what comes meanwhile. Beyond that:
//
//   order       what one client publishes, every subscriber sees in that order: letters between two
//               shards keep theirs, and a queue is only ever appended to
//   durability  a message is not seen before what its publisher did earlier is acked. It carries a
//               gate, as a reply does: the latest that any of the client's replies so far waits
//               for. Where one of those is still on its way from another shard, the PUBLISH waits
//               for it first (MustWait)
//   presence    once SUBSCRIBE is answered, a PUBLISH sent later finds the subscriber: the count
//               that tells other shards of it was raised before the answer left
//
// A turn does not grow with the number of subscribers: beyond so many steps (a queue appended to, a
// pattern tried) key events, messages from other shards and clients with a PUBLISH wait for the
// next, in one line. Whoever publishes waits for the answer and so for the line; what waits of the
// rest is counted over all shards (ServerState::untold_bytes), and beyond a bound nobody's requests
// are read: else who changes keys would outrun who is told of it.
//
// In a transaction PUBLISH counts where it stands, and its message leaves with the transaction's
// own gate when all of it is done: an earlier message would tell of what may still wait, behind a
// lock or for the disk. So who unsubscribes behind it in that transaction is counted and not told.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include "server/command.h"
#include "server/shard/client.h"
#include "server/shard/key_events.h"
#include "server/shard/letters.h"
#include "server/shard/subscriptions.h"

namespace holdfast {

class Router;
class Shard;

// What a subscription names.
enum class Topic : uint8_t { kChannel, kPattern };

class Channels {
 public:
  Channels(Router& router, Shard& shard) : router_(router), shard_(shard) {}
  // What is told to nobody any more is no longer counted.
  ~Channels();
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  // ---- what this shard's clients listen to

  // Nothing happens if it does so already. Requires: a pattern of at most kGlobBytesMax.
  void Subscribe(Client& client, Topic topic, std::string_view name);
  // Nothing happens if it does not.
  void Unsubscribe(Client& client, Topic topic, std::string_view name);
  // In the order in which it subscribed.
  static std::vector<std::string> NamesOf(const Client& client, Topic topic);
  static size_t CountOf(const Client& client) {
    return client.subscriptions == nullptr ? 0 : client.subscriptions->count();
  }
  // It leaves, or is as new.
  void Leave(Client& client);

  size_t SubscribersOf(std::string_view channel) const;
  template <typename F>
  void ForEachChannel(F&& visit) const {
    for (const auto& [name, audience] : channels_) visit(std::string_view(name));
  }

  // ---- publishing

  // Replies to a command of Home::kSubscribers: [name, channel, message].
  void Publish(Client& client, const CommandSpec& command, Args words);
  // How many subscriptions of this shard would be told.
  uint64_t ReceiversOf(std::string_view channel);
  // Tells all subscribers of all shards; nobody counts them.
  void Broadcast(std::string_view channel, std::string_view message, TurnStamp gate);
  // End of turn, before the push: what befell keys (server/shard/key_events.h).
  void TellEvents(std::string packed);
  // No other shard has a subscriber.
  bool OnlyHere() const;

  // Whether a PUBLISH, or an EXEC with one, has to wait: what its client asked for before is not
  // answered yet, so nobody knows what the message has to wait for.
  bool MustWait(const Client& client, const CommandSpec& command) const {
    const bool may_publish =
        command.home == Home::kSubscribers || command.home == Home::kTransaction;
    return may_publish && Publishes(client, command) &&
           (MustQueue() || client.replies.awaited() > client.publishing);
  }
  // This turn has done its share of steps, or others wait already.
  bool MustQueue() const { return IsTired() || !queue_.empty(); }
  // The client's PUBLISH goes on in a later turn (Router::ResumeStalled).
  void Queue(const Client& client) { queue_.emplace_back(Publisher{client.id}); }
  // What the client's replies so far wait for. Requires: !MustWait.
  TurnStamp GateOf(const Client& client);

  // ---- turns

  // What had to wait, as far as one turn's share goes.
  void Work();
  bool HasWork() const { return !queue_.empty(); }
  void EndTurn() { steps_ = 0; }

  // ---- from other shards

  void OnMessage(const ResponseHeader& header, std::string_view packed);
  void OnReceived(const ResponseHeader& header, std::string_view packed);

 private:
  struct NameHash {
    size_t operator()(std::string_view name) const;
  };
  // The names are views into their audiences.
  using ByName = absl::flat_hash_map<std::string_view, std::unique_ptr<Audience>, NameHash>;
  // A message is held against each pattern: always in the same order.
  using Patterns = absl::btree_map<std::string_view, std::unique_ptr<Audience>, std::less<>>;

  // A PUBLISH whose receivers on other shards are being counted.
  struct Publication {
    uint64_t client;
    ReplyQueue::Ticket ticket;
    size_t parts_missing;
    uint64_t receivers;
  };

  template <typename Table>
  void Join(Table& table, Subscriptions::Numbered& numbered, Client& client, Topic topic,
            std::string_view name);
  template <typename Table>
  void Part(Table& table, Subscriptions::Numbered& numbered, Client& client, std::string_view name);
  void PublishCounts(Client& client);
  bool Matches(const Audience& audience, std::string_view channel) const;

  // What waits for a turn.
  struct Events {  // of one earlier turn
    std::string packed;
    TurnStamp stamp;  // of that turn
    size_t told = 0;  // so many bytes of them
  };
  struct Message {  // from another shard
    ResponseHeader header;
    std::string packed;
  };
  struct Publisher {
    uint64_t client;
  };

  static bool Publishes(const Client& client, const CommandSpec& command);

  // False: the turn has done its share, and some are left.
  bool Tell(Events& events);
  void Tell(const KeyEvent& event, TurnStamp gate);
  void Serve(const ResponseHeader& header, std::string_view packed);
  uint64_t Deliver(std::string_view channel, std::string_view message, TurnStamp gate);
  void Send(Client& client, std::string& frame, TurnStamp gate);
  std::vector<ShardId> OthersWithSubscribers() const;
  void SendMessage(ShardId to, uint64_t publication, std::string_view channel,
                   std::string_view message, TurnStamp gate);

  Router& router_;
  Shard& shard_;
  ByName channels_;
  Patterns patterns_;
  size_t subscriptions_ = 0;
  size_t clients_ = 0;
  absl::flat_hash_map<uint64_t, Publication> publications_;  // by number
  uint64_t last_publication_ = 0;

  static constexpr size_t kStepsPerTurn = 20'000;
  bool IsTired() const { return steps_ >= kStepsPerTurn; }
  size_t steps_ = 0;  // in this turn
  std::deque<std::variant<Events, Message, Publisher>> queue_;
};

}  // namespace holdfast
