// Shards in one thread, a memory log, and turns that a test takes by hand.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "storage/base/slot.h"
#include "storage/memory_log.h"
#include "tests/sim/cluster.h"

namespace holdfast {

class ClusterTest : public testing::Test {
 protected:
  explicit ClusterTest(int shards = 3, const Config& config = {})
      : log_({.history = {}, .fatal = [](const Status&) {}}),
        cluster_(shards, log_, HashSeed{1}, config, FromUnixMs(1'795'288'322'993)) {}

  // A key that lives on `shard`.
  std::string KeyOn(int shard, const std::string& name) {
    for (int i = 0;; ++i) {
      std::string key = name + std::to_string(i);
      if (cluster_.state().map.OwnerOf(SlotOf(key)) == shard) return key;
    }
  }

  void Turn() {
    for (int shard = 0; shard < cluster_.shards(); ++shard) {
      for (int from = 0; from < cluster_.shards(); ++from) {
        while (cluster_.Deliver(from, shard)) {
        }
      }
      cluster_.Work(shard);
      cluster_.EndTurn(shard);
    }
  }
  void Turns() {
    for (int i = 0; i < 6; ++i) Turn();
  }
  void SyncLog() {
    while (log_.Step()) {
    }
    log_.Sync();
    for (int shard = 0; shard < cluster_.shards(); ++shard) cluster_.Wake(shard);
  }
  void Settle() {
    Turns();
    SyncLog();
    Turns();
    SyncLog();
  }
  static std::string Taken(SimClient& client) { return std::exchange(client.received, {}); }
  std::string Settled(SimClient& client) {
    Settle();
    return Taken(client);
  }
  bool Send(SimClient& client, std::string_view line) {
    return cluster_.Execute(client, Words(line));
  }

  MemoryLog log_;
  Cluster cluster_;
};

}  // namespace holdfast
