// Groups: what must happen at one instant to keys of several shards: MSET, RENAME, FLUSHALL, a
// transaction. The shard of the client that asks coordinates:
//
//   coordinator                                      part (server/shard/group_part.h)
//   lock ------------------------------------------> waits for its slots, holds them
//   one part after the other, ascending    <-------- grant, with what deciding needs
//   decide                                 --------> gather, perform, apply: on held slots only
//   all mutations into the turn's batch
//   end of turn: push, learn the index     --------> finish: wait for this index; slots are free
//   reply, when that index is acked
//
// Nobody but the client waits for a group as a whole; whoever comes to a held slot queues up there.
// Locks are taken in ascending order by everybody, so there is no deadlock. Mutations of one key
// stand in the log in the order in which they took effect: the key is held from the first of them
// until the group is pushed. The result is strictly serialisable: every group takes effect between
// its last grant and its first finish.
//
// Owner thread: the coordinator's shard.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "server/group.h"
#include "server/shard/client.h"
#include "server/shard/letters.h"
#include "server/shard/slot_locks.h"

namespace holdfast {

class Router;
struct SlotNeeds;

class Groups {
 public:
  Groups(Router& router, Shard& shard) : router_(router), shard_(shard) {}

  // One command over keys of several shards. Requires: the client waits for the reply at `ticket`
  // as the only part of a gather.
  void Start(Client& client, const CommandSpec& command, Args words);
  // The same for a transaction, whose commands are taken out of it.
  void StartTransaction(Client& client, Transaction& transaction);

  void OnGrant(const ResponseHeader& header, std::string_view reply);
  void OnGathered(const ResponseHeader& header, std::string_view reply);
  void OnPerformed(const ResponseHeader& header, std::string_view reply);

  // End of turn, after the push: the parts of what was decided in it may go on.
  void SendFinishes();

 private:
  struct Step {
    const CommandSpec* command;
    DbIndex db;
    std::vector<std::string_view> words;  // into Group::bytes
    std::vector<std::string> parts = {};  // its reply, where it is combined of several
    size_t parts_missing = 0;
    bool combines = false;
  };
  struct Part {
    ShardId shard;
    SlotList slots;  // empty: all
  };
  struct Group {
    uint64_t client;
    ReplyQueue::Ticket ticket;
    RespVersion resp;
    bool is_transaction;
    bool watches = false;
    std::string bytes = {};
    std::vector<Step> steps = {};
    std::vector<Part> parts = {};
    std::vector<std::string> skus = {};  // to be settled before they are held
    size_t granted = 0;
    bool watches_broken = false;
    size_t next_step = 0;
    size_t steps_missing = 0;  // begun, and not yet answered
    bool is_copying = false;   // the last one begun is kCopies
    // Of the step that gathers.
    size_t gathers_missing = 0;
    GatheredKeys gathered = {};
    Shard::Pending pending = {};  // the group's mutations
    Index gate = 0;               // of what it read
    TurnStamp client_gate = 0;    // of what the client asked for before, where it publishes
  };

  void Begin(std::unique_ptr<Group> group, const SlotNeeds& needs);
  void LockNext(Group& group);
  std::vector<size_t> KeysOn(const Step& step, ShardId shard) const;
  std::vector<std::string> AsksOf(const Step& step, ShardId shard) const;
  void TakeDumps(Group& group, const Step& step, ShardId shard, std::string_view reply);

  void Advance(Group& group);
  bool IsOverShards(const Step& step) const;
  void RunHere(Group& group, size_t number);
  void SendParts(Group& group, size_t number);
  void SendMessages(const Group& group, TurnStamp gate);
  void GatherFor(Group& group, const Step& step);
  void Decide(Group& group, Step& step);
  void FinishStep(Group& group, Step& step);
  void Conclude(Group& group);
  Group& Of(const ResponseHeader& header) { return *groups_.at(header.to.client); }
  RequestHeader HeaderOf(const Group& group, RequestKind kind, uint64_t ticket,
                         uint32_t part) const;

  struct Finishing {
    uint64_t client;
    TurnStamp stamp;  // 0: nobody has to wait
    std::vector<Part> parts;
  };

  Router& router_;
  Shard& shard_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Group>> groups_;  // by client
  std::vector<Finishing> finishing_;
};

}  // namespace holdfast
