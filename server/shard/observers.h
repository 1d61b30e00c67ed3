// Observers: whoever watches commands and never changes them: the statistics, the slow log,
// MONITOR.
//
//   client's shard    Asked ──► lines for the monitors of this shard, and of the others
//   where it runs     Ran ────► counters, and if it was slow: the slow log, LATENCY
//                               └► the client's shard: NameSlow, for only there its address is
//                               known
//
// Owner thread: its shard.
#pragma once

#include <string_view>
#include <vector>

#include "server/shard/client.h"
#include "server/shard/letters.h"
#include "server/shard/shard.h"

namespace holdfast {

class Observers {
 public:
  Observers(Router& router, Shard& shard) : router_(router), shard_(shard) {}

  // ---- what happens to commands

  // A client asks for something that is not refused at once.
  void Asked(const Client& client, const CommandSpec& command, Args words) {
    if (shard_.server().monitors.load(std::memory_order_relaxed) > 0) [[unlikely]]
      ShowToAll(client, command, words);
  }
  // A command, or a part of one, has run and answered.
  void Ran(const RequestHeader& request, Args words, std::string_view reply);
  // It did not run: wrong words, no password, no memory. Null: there is no such command.
  void Rejected(const CommandSpec* command, std::string_view reply);

  // ---- MONITOR

  // From now on the client is shown what every client of every shard asks for, or no longer.
  void SetMonitor(Client& client, bool on);

  // ---- from other shards

  void FeedMonitors(std::string_view line);
  void NameSlow(Args words);

 private:
  void AnsweredError(std::string_view reply);
  void NameSlow(uint64_t slow_id, uint64_t client_id);
  void ShowToAll(const Client& client, const CommandSpec& command, Args words);
  void SendNews(ShardId to, RequestKind kind, Args words);

  Router& router_;
  Shard& shard_;
  std::vector<Client*> monitors_;  // this shard's
};

}  // namespace holdfast
