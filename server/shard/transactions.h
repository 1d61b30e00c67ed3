// Transactions: MULTI queues commands, EXEC runs them at one instant. Where all their keys are ours
// and nobody is at them, they run one after the other in this turn; else as a group
// (server/shard/groups.h).
//
// Owner thread: the client's shard.
#pragma once

#include <string_view>
#include <vector>

#include "server/command.h"
#include "server/config.h"
#include "server/shard/client.h"
#include "server/shard/shard_map.h"
#include "server/shard/slot_needs.h"

namespace holdfast {

class Groups;
class Router;

struct QueuedCommand {
  const CommandSpec* command = nullptr;
  DbIndex db = 0;  // in which it will run: a SELECT before it counts
  std::vector<std::string_view> words;

  // What must be settled before it runs.
  std::vector<std::string_view> Skus() const;
};

// Walks the queue. Words point into it.
class TransactionReader {
 public:
  TransactionReader(std::string_view requests, DbIndex db) : rest_(requests), db_(db) {}
  bool Next(QueuedCommand& queued);

 private:
  std::string_view rest_;
  DbIndex db_;
};

// A transaction logs what its commands carry, which is bounded when they are queued; only a kCopies
// one may log far more. Beyond half of group-bytes-max of mutations it is refused, for one more may
// be as large as the other half. Empty: it may run.
std::string_view RefusalOfCopy(const CommandSpec& command, size_t bytes_so_far,
                               const Config& config);

class Transactions {
 public:
  Transactions(Router& router, Shard& shard, Groups& groups)
      : router_(router), shard_(shard), groups_(groups) {}

  // Requires: client.transaction.
  void Queue(Client& client, const CommandSpec& command, Args words);
  void Execute(Client& client, const CommandSpec& exec);
  // An EXEC that was refused itself ends the transaction, too, as in Redis.
  void Abort(Client& client, const CommandSpec& exec, std::string_view refusal);

  // WATCH, before its keys are told to their shards. False: it was answered with an error.
  bool Watch(Client& client, const CommandSpec& command, Args words);
  // UNWATCH, and what ends a transaction.
  void Unwatch(Client& client);
  // The client leaves, perhaps while a WATCH of its is still on its way.
  void Leave(Client& client);

 private:
  std::vector<ShardId> OwnersOfWatched(const Client& client) const;
  void SendUnwatch(const Client& client, ShardId owner, Args words);
  bool IsReadyHere(const Transaction& transaction, const SlotNeeds& needs, DbIndex db);
  bool WatchedKeysStand(const Client& client);
  void RunHere(Client& client, const Transaction& transaction);

  Router& router_;
  Shard& shard_;
  Groups& groups_;
};

}  // namespace holdfast
