// Serving: what stands between the sockets and the state: shards, their loops and the roads between
// them. It is whole or not there: a state that is loaded anew, because this node was deposed or has
// taken another's, comes with a new one.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "server/clock.h"
#include "server/config.h"
#include "server/net/event_loop.h"
#include "server/net/sockets.h"
#include "server/server_state.h"
#include "server/shard/shard.h"
#include "storage/base/status.h"

namespace holdfast {

class Serving {
 public:
  // All outlive it. `seed` is the history's.
  Serving(ServerState& state, const ServerClock& clock, HashSeed seed, const Config& config);
  // Requires: not running.
  ~Serving() = default;
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  // Before Run. The descriptors stay the caller's.
  Status Listen(const std::vector<BoundSocket>& sockets, int backlog);
  void Run();
  // Either returns when all loops have ended. Stop answers what was asked; Abandon says to whoever
  // waits that he will not hear what came of it.
  void Stop();
  void Abandon();

  std::vector<Shard*> shards() const;
  // Of the loops.
  std::vector<Waker*> wakers() const;
  Post& post() { return *post_; }

 private:
  void Join();

  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<MailboxPost> post_;
  EventLoop::Drain drain_{};
  std::vector<std::thread> threads_;
};

}  // namespace holdfast
