// Several shards, their routers, clients, the clock and the log, in one thread and moved by hand:
// the seam that keeps the logic without I/O. Whoever drives it chooses every interleaving.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/server_state.h"
#include "server/shard/router.h"
#include "server/shard/shard.h"
#include "storage/log.h"

namespace holdfast {

// A client without a socket: what the router releases collects here.
class SimClient final : public ClientSink {
 public:
  void OnReplies() override;
  void OnResume() override {}
  void OnKill() override { killed = true; }

  Client client;
  int shard = 0;
  bool killed = false;
  std::string received;  // whole replies, in order; taken off the front by whoever reads them
};

class Cluster {
 public:
  // `log` outlives the cluster.
  Cluster(int shards, Log& log, HashSeed seed, const Config& config, UnixMs now);

  int shards() const { return static_cast<int>(shards_.size()); }
  Router& router(int shard) { return *routers_[static_cast<size_t>(shard)]; }
  Shard& shard(int shard) { return *shards_[static_cast<size_t>(shard)]; }
  ServerState& state() { return state_; }
  UnixMs now() const { return now_; }
  void Advance(DurationMs span) { now_ += span; }

  // Before the first command: a row of the snapshot, then what the log held.
  [[nodiscard]] bool Load(std::string_view row);
  void FinishLoad();
  [[nodiscard]] bool Replay(std::string_view mutations);
  Status FinishRecovery();

  SimClient& Connect(int shard);
  void Disconnect(SimClient& client);

  // One request; ignored (false) while the client waits at a barrier.
  bool Execute(SimClient& client, const std::vector<std::string>& words);

  void EndTurn(int shard);
  void Work(int shard);
  // The log told the shard that the durable index moved.
  void Wake(int shard);
  // Hands over the oldest letter on the road from one shard to another; false if there is none.
  bool Deliver(int from, int to);
  // Called with every letter that is on its road, while its sender is still sending; may be empty.
  std::function<void(int from, int to)> on_letter;
  // Nothing on any road and nothing waiting for a turn.
  bool Quiet() const;

 private:
  struct Road final : Post {
    Cluster* cluster = nullptr;
    int from = 0;
    void Send(ShardId to, Letter& letter) override;
  };

  std::deque<Letter>& MailOf(int from, int to) {
    return mail_[static_cast<size_t>(from) * shards_.size() + static_cast<size_t>(to)];
  }

  ServerState state_;
  UnixMs now_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<Road>> roads_;
  std::vector<std::unique_ptr<Router>> routers_;
  std::vector<std::deque<Letter>> mail_;
  std::vector<std::unique_ptr<SimClient>> clients_;
};

// The command a test types: "RESERVE mask ord-1 2", split at blanks.
std::vector<std::string> Words(std::string_view line);

}  // namespace holdfast
