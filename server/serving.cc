#include "server/serving.h"

#include <cerrno>

#include <fcntl.h>

namespace holdfast {

Serving::Serving(ServerState& state, const ServerClock& clock, HashSeed seed,
                 const Config& config) {
  std::vector<Mailbox*> mailboxes;
  for (int id = 0; id < state.map.shards(); ++id) {
    shards_.push_back(std::make_unique<Shard>(static_cast<ShardId>(id), state, seed, config));
    loops_.push_back(std::make_unique<EventLoop>(*shards_.back(), clock));
    mailboxes.push_back(&loops_.back()->mailbox());
  }
  post_ = std::make_unique<MailboxPost>(mailboxes);
  drain_.loops_running = static_cast<int>(loops_.size());
  for (const auto& loop : loops_) {
    loop->Connect(*post_);
    loop->SetDrain(&drain_);
  }
}

Status Serving::Listen(const std::vector<BoundSocket>& sockets, int backlog) {
  for (const BoundSocket& socket : sockets) {
    for (size_t i = 0; i < loops_.size(); ++i) {
      const int descriptor = fcntl(socket.descriptors[i], F_DUPFD_CLOEXEC, 0);
      if (descriptor < 0) return Status::FromErrno("listening on " + socket.name, errno);
      if (Status status = loops_[i]->Listen(descriptor, socket.unix_socket, backlog);
          !status.ok()) {
        return status;
      }
    }
  }
  return Status::Ok();
}

void Serving::Run() {
  for (const auto& loop : loops_) threads_.emplace_back([&loop] { loop->Run(); });
}

void Serving::Stop() {
  for (const auto& loop : loops_) loop->Stop();
  Join();
}

void Serving::Abandon() {
  for (const auto& loop : loops_) loop->Abandon();
  Join();
}

void Serving::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<Shard*> Serving::shards() const {
  std::vector<Shard*> all;
  for (const auto& shard : shards_) all.push_back(shard.get());
  return all;
}

std::vector<Waker*> Serving::wakers() const {
  std::vector<Waker*> all;
  for (const auto& loop : loops_) all.push_back(&loop->mailbox());
  return all;
}

}  // namespace holdfast
