// Router: takes a client's requests to the shard that owns their slot and brings the replies back
// in order.
//
//   Execute ──► here: run at once, the reply is sealed by its stamp
//           ──► another shard: copied into the outbox; the reply keeps its place in the client's
//           queue ──► several: one part each, the client waits (a barrier) until the last part has
//           answered ──► parked: behind a SKU with more due holds than one command may settle
//
// The end of a turn has one order, always: (1) push the batch and learn its index, (2) stamp every
// pending reply and response with it, (3) only then flush outboxes and wake peers. Otherwise a peer
// could act on the turn's changes and put the effect into the log before them.
//
// No I/O, no thread, no clock: the server's loops and the simulation drive it alike.
// Owner thread: its shard.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include "server/command.h"
#include "server/shard/client.h"
#include "server/shard/letters.h"
#include "server/shard/shard.h"

namespace holdfast {

class Router {
 public:
  Router(Shard& shard, Post& post);

  // The client must stay until Remove; from then on replies to it are dropped.
  void Add(Client& client);
  void Remove(Client& client);
  const absl::flat_hash_map<uint64_t, Client*>& clients() const { return clients_; }

  // Requires: !client.blocked(), words not empty.
  void Execute(Client& client, Args words);

  // An error that is no command's: a malformed request.
  void ReplyError(Client& client, std::string_view text);

  // What another shard (or this one, a turn ago) sent. Its requests are served in order, as many a
  // turn as their replies' size allows.
  void Deliver(Letter letter);

  // The clock moved, or there is work left: parked commands are tried again, sweeps take a slice.
  void Work();
  // More to do without waiting for anything.
  bool HasWork() const {
    return !parked_.empty() || !to_self_.empty() || !inbox_.empty() || shard_.HasWork();
  }

  void EndTurn();
  // The log's durable index may have moved.
  void OnAcked();

  Shard& shard() { return shard_; }

 private:
  struct Outcome {
    bool parked;
    TurnStamp gate;
  };

  std::string Refusal(const Client& client, const CommandSpec* command, Args words) const;
  void RunOnClient(Client& client, const CommandSpec& command, Args words);
  void Route(Client& client, const CommandSpec& command, Args words, Slot slot);
  void SpreadKeys(Client& client, const CommandSpec& command, Args words);
  bool SpreadKeysHere(Client& client, const CommandSpec& command, Args words);
  void SpreadShards(Client& client, const CommandSpec& command, Args words);
  void StartGather(Client& client, const CommandSpec& command, size_t parts);
  RequestHeader PartOf(const Client& client, size_t part) const;

  Outcome Run(const RequestHeader& request, Client* client, Args words, std::string& out);
  void Park(Slot slot, const RequestHeader& request, Args words);
  void Answer(const RequestHeader& request, Args words);
  void RetryParked();
  void ServeInbox();
  void DeliverResponses(std::string_view responses);
  void FinishPart(Client& client, const ResponseHeader& header, std::string_view reply);
  void SealReply(Client& client, size_t mark, TurnStamp gate);
  void MarkDirty(Client& client);
  Slot SlotOfRequest(const CommandSpec& command, Args words) const;

  Shard& shard_;
  Post& post_;
  absl::flat_hash_map<uint64_t, Client*> clients_;
  std::vector<Client*> dirty_;
  std::vector<Client*> gated_;
  std::vector<Letter> outboxes_;  // one for each shard, itself too
  std::deque<Letter> to_self_;
  std::vector<Client*> served_;  // EndTurn's and OnAcked's own, kept for its memory

  struct Requests {
    std::string bytes;
    size_t done = 0;
  };
  std::deque<Requests> inbox_;
  size_t answered_bytes_ = 0;  // this turn, to other shards and in parts

  // Requests that wait behind a sweep, packed as in a letter, by slot: whatever comes for the slot
  // queues up behind them, so that commands to one slot take effect in order.
  absl::btree_map<Slot, std::deque<std::string>> parked_;

  std::string scratch_;                  // a reply on its way into a letter
  std::vector<std::string_view> words_;  // of a delivered request
};

}  // namespace holdfast
