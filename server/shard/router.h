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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "server/command.h"
#include "server/shard/channels.h"
#include "server/shard/client.h"
#include "server/shard/defrag_walk.h"
#include "server/shard/group_part.h"
#include "server/shard/groups.h"
#include "server/shard/late_replies.h"
#include "server/shard/letters.h"
#include "server/shard/observers.h"
#include "server/shard/request.h"
#include "server/shard/shard.h"
#include "server/shard/snapshot_walk.h"
#include "server/shard/transactions.h"

namespace holdfast {

class CommandTable;

class Router {
 public:
  struct Outcome {
    bool parked;  // it must wait behind a sweep, and is to be run again
    TurnStamp gate;
  };

  Router(Shard& shard, Post& post);

  // The client must stay until Remove; from then on replies to it are dropped.
  void Add(Client& client);
  void Remove(Client& client);
  const absl::flat_hash_map<uint64_t, Client*>& clients() const { return clients_; }
  Client* FindClient(uint64_t id) const;

  // Looks a request up, but not at anybody's state. `before`: one whose words are still there, as
  // that in front of it; null for none. A pipeline says the same name again, a burst the same key.
  // Requires: words not empty.
  Request Read(Args words, const Request* before = nullptr) const;
  // Requests that run soon, of one client.
  struct Ahead {
    const Client* client;
    std::span<const Request> requests;
  };
  // What all of these will read, at once (Keyspace::Prefetch).
  void Prefetch(std::span<const Ahead> all) const;

  // Requires: !client.blocked().
  void Execute(Client& client, const Request& request);
  void Execute(Client& client, Args words) { Execute(client, Read(words)); }

  // An error before anything ran; of no command, if the request was malformed.
  void ReplyError(Client& client, std::string_view text, const CommandSpec* command = nullptr);
  void ReplyRaw(Client& client, std::string_view reply);
  // What stands in the client's queue behind `mark` is a reply that waits for `gate`.
  void SealReply(Client& client, size_t mark, TurnStamp gate);

  Transactions& transactions() { return transactions_; }
  Observers& observers() { return observers_; }
  Channels& channels() { return channels_; }
  LateReplies& late_replies() { return late_replies_; }
  // Sends the client what is no reply.
  void Push(Client& client, std::string_view bytes, TurnStamp gate = 0);

  // Another server leads: nobody will ever learn what becomes of the requests that are not answered
  // yet. Each is answered with this error, and its client is to be closed behind that and is no
  // longer this router's. Requires: the turn has just ended.
  void RefuseWaiting(std::string_view error);

  // What another shard (or this one, a turn ago) sent. Its requests are served in order, as many a
  // turn as their replies' size allows.
  void Deliver(Letter letter);

  // The clock moved, or there is work left: waiting visits are tried again, sweeps take a slice.
  void Work();
  // More to do without waiting for anything.
  bool HasWork() const {
    return retry_ || !to_self_.empty() || !inbox_.empty() || shard_.HasWork() ||
           snapshot_walk_.HasWork() || defrag_walk_.HasWork() || channels_.HasWork();
  }

  void EndTurn();
  // The log's durable index may have moved.
  void OnAcked();

  Shard& shard() { return shard_; }

  // ---- for groups and transactions

  CommandContext ContextOf(const RequestHeader& request, std::string& out);
  // Runs a command where it stands, without asking who is at its slots.
  Outcome Run(const RequestHeader& request, Client* client, Args words, std::string& out);
  // The same for who cannot wait behind a sweep, a command within a transaction: what is due on its
  // SKU goes first, however much it is. (A transaction that makes it due itself, by a first LIMIT.)
  Outcome RunToEnd(const RequestHeader& request, Client* client, Args words, std::string& out);
  // The same with the parts of a combined one. Requires: all of them are this shard's.
  TurnStamp RunWhole(const RequestHeader& request, Client& client, Args words, std::string& out);
  // Why the command may not change anything now, or not make it grow; empty: it may.
  std::string_view ChangeRefusal(const CommandSpec& command) const {
    constexpr uint32_t kChanges = kWrite | kGrows;
    return (command.flags & kChanges) == 0 ? std::string_view() : RefusalOfChange(command);
  }
  void Send(ShardId to, const RequestHeader& request, Args words);
  void Respond(const ResponseHeader& header, std::string_view reply);
  // A part of a client's reply, or the whole of it, is there. Nothing happens if the client left.
  void TakeReply(const ResponseHeader& header, std::string_view reply);
  // What the client's stalled request waited for may be there.
  void ResumeStalled(Client& client);
  // For this shard's snapshot, which is granted them when everybody before it has left.
  void AskForSlots(SlotList slots);
  // The client waits for so many parts of a reply.
  void StartGather(Client& client, const CommandSpec& command, size_t parts);

 private:
  void Dispatch(Client& client, const Request& request);
  void Refuse(Client& client, const CommandSpec* command, std::string_view text);
  void RunOnClient(Client& client, const CommandSpec& command, Args words);
  void RunLater(Client& client, const CommandSpec& command, Args words);
  void Route(Client& client, const Request& request, std::span<const Slot> slots);
  void RouteGroup(Client& client, const Request& request);
  void SpreadKeys(Client& client, const CommandSpec& command, Args words);
  bool SpreadKeysHere(Client& client, const CommandSpec& command, Args words);
  void SpreadShards(Client& client, const CommandSpec& command, Args words);
  RequestHeader HeaderOf(const Client& client, const CommandSpec& command) const;
  RequestHeader PartOf(const Client& client, size_t part) const;
  std::string_view RefusalOfChange(const CommandSpec& command) const;
  Outcome RunEachKey(const RequestHeader& request, Args words, std::string& out, bool waits);

  void Answer(const RequestHeader& request, Args words);
  void AnswerPeer(const RequestHeader& request, Args words);
  void ApplyStream(const StreamRequest& stream);
  void Admit(const RequestHeader& request, Args words);
  bool Visit(const RequestHeader& request, Args words);
  void Wait(SlotList slots, const RequestHeader& request, Args words);
  void RetryVisits();
  void ServeInbox();
  void DeliverResponses(std::string_view responses);
  void Dismiss(Client& client, std::string_view refusal);
  void FinishPart(Client& client, const ResponseHeader& header, std::string_view reply);
  void MarkDirty(Client& client);

  Shard& shard_;
  Post& post_;
  const CommandTable& commands_;
  GroupPart group_part_;
  Groups groups_;
  Transactions transactions_;
  Observers observers_;
  Channels channels_;
  SnapshotWalk snapshot_walk_;
  DefragWalk defrag_walk_;
  LateReplies late_replies_;
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
  size_t answered_bytes_ = 0;  // this turn, to other shards and in parts; also of the stream
  // A visit may go in, or try again: a slot was let go, or a sweep took a slice.
  bool retry_ = false;
  SlotLocks::VisitId last_tried_ = 0;  // RetryVisits goes on behind it

  std::string scratch_;                  // a reply on its way into a letter
  std::vector<std::string_view> words_;  // of a delivered request
};

}  // namespace holdfast
