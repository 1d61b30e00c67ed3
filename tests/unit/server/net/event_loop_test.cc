// Loops with real sockets: what leaves them while a lease runs, and how they end when another
// server leads.
#include "server/net/event_loop.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/memory_log.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kNotAcked =
    "-NOTACKED this server no longer leads: the outcome is unknown, repeat with the same hold id "
    "at the new primary\r\n";

class Socket {
 public:
  explicit Socket(const sockaddr_in& address) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connected() const { return connected_; }
  void Send(std::string_view line) const {
    const std::string bytes = std::string(line) + "\r\n";
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // So many bytes; fewer if they do not come within `span`, or never will.
  std::string Read(size_t bytes, milliseconds span = milliseconds(5000)) {
    const timeval timeout{.tv_sec = span.count() / 1000, .tv_usec = span.count() % 1000 * 1000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    std::string text;
    std::array<char, 4096> room{};
    ended_ = false;
    while (text.size() < bytes) {
      const ssize_t got = read(fd_, room.data(), std::min(room.size(), bytes - text.size()));
      ended_ = got == 0;
      if (got <= 0) break;
      text.append(room.data(), static_cast<size_t>(got));
    }
    return text;
  }
  std::string Ask(std::string_view line, std::string_view expected) {
    Send(line);
    return Read(expected.size());
  }
  // The other side has closed it, behind whatever the last Read took.
  bool Ended() {
    Read(1);
    return ended_;
  }
  bool IsSilent() { return Read(1, milliseconds(100)).empty() && !ended_; }

 private:
  int fd_;
  bool connected_ = false;
  bool ended_ = false;
};

// One life of the shards of a server.
class Loops {
 public:
  Loops(ServerState& state, const ServerClock& clock) : state_(state) {
    std::vector<Mailbox*> mailboxes;
    for (int id = 0; id < state.map.shards(); ++id) {
      shards_.push_back(
          std::make_unique<Shard>(static_cast<ShardId>(id), state, HashSeed{1}, Config{}));
      loops_.push_back(std::make_unique<EventLoop>(*shards_.back(), clock));
      mailboxes.push_back(&loops_.back()->mailbox());
    }
    post_ = std::make_unique<MailboxPost>(mailboxes);
    drain_.loops_running = state.map.shards();
    for (const auto& loop : loops_) {
      loop->Connect(*post_);
      loop->SetDrain(&drain_);
      addresses_.push_back(Listen(*loop));
    }
    for (const auto& loop : loops_) threads_.emplace_back([&loop] { loop->Run(); });
  }
  ~Loops() {
    Abandon();
    Join();
  }

  std::unique_ptr<Socket> Connect(size_t shard) const {
    return std::make_unique<Socket>(addresses_[shard]);
  }
  void Wake() {
    for (const auto& loop : loops_) loop->mailbox().Wake();
  }
  void Abandon() {
    for (const auto& loop : loops_) loop->Abandon();
  }
  void Stop() {
    for (const auto& loop : loops_) loop->Stop();
  }
  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  // A key that lives on `shard`.
  std::string KeyOn(int shard, const std::string& name) const {
    for (int i = 0;; ++i) {
      std::string key = name + std::to_string(i);
      if (state_.map.OwnerOf(SlotOf(key)) == shard) return key;
    }
  }

 private:
  static sockaddr_in Listen(EventLoop& loop) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_TRUE(loop.Listen(fd, false, 16).ok());
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return address;
  }

  ServerState& state_;
  EventLoop::Drain drain_{};
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<MailboxPost> post_;
  std::vector<sockaddr_in> addresses_;
  std::vector<std::thread> threads_;
};

class EventLoopTest : public testing::Test {
 protected:
  static constexpr int kShards = 2;

  EventLoopTest()
      : log_({.history = {}, .fatal = [](const Status&) {}}),
        state_(kShards, log_),
        clock_(ReadMachineClocks().wall, ReadMachineClocks()) {
    state_.started_at = clock_.Now();
    state_.clock_now = [this] { return clock_.NowNs(); };
    loops_ = std::make_unique<Loops>(state_, clock_);
  }

  void SyncUntil(Index index) {
    while (log_.Durable() < index) {
      log_.Step();
      log_.Sync();
      std::this_thread::sleep_for(milliseconds(1));
    }
    loops_->Wake();
  }
  static int64_t SteadyNs() { return static_cast<int64_t>(uv_hrtime()); }
  void EndLease() { state_.standing.answers_until_ns = SteadyNs(); }
  void RenewLease() {
    state_.standing.answers_until_ns = SteadyNs() + int64_t{60} * 1'000'000'000;
    loops_->Wake();
  }

  MemoryLog log_;
  ServerState state_;
  ServerClock clock_;
  std::unique_ptr<Loops> loops_;
};

// ---- the lease

TEST_F(EventLoopTest, NoAnswerLeavesBehindTheLease) {
  const auto client = loops_->Connect(0);
  RenewLease();
  EXPECT_EQ(client->Ask("PING", "+PONG\r\n"), "+PONG\r\n");
  EndLease();
  client->Send("GET " + loops_->KeyOn(0, "k"));
  client->Send("GET " + loops_->KeyOn(1, "k"));  // answered by another shard
  client->Send("PING");                          // behind them
  EXPECT_TRUE(client->IsSilent());
  RenewLease();
  EXPECT_EQ(client->Read(17), "$-1\r\n$-1\r\n+PONG\r\n");
}

TEST_F(EventLoopTest, WhatTellsOfNoDataLeavesWithoutOne) {
  const auto subscriber = loops_->Connect(0);
  const auto publisher = loops_->Connect(1);
  const std::string joined = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
  EXPECT_EQ(subscriber->Ask("SUBSCRIBE c", joined), joined);
  EndLease();
  EXPECT_EQ(publisher->Ask("PUBLISH c hello", ":1\r\n"), ":1\r\n");
  const std::string message = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n";
  EXPECT_EQ(subscriber->Read(message.size()), message);
  EXPECT_EQ(publisher->Ask("PING", "+PONG\r\n"), "+PONG\r\n");
  EXPECT_EQ(publisher->Ask("MULTI", "+OK\r\n"), "+OK\r\n");
  publisher->Send("GET " + loops_->KeyOn(1, "k"));
  publisher->Send("EXEC");
  EXPECT_TRUE(publisher->IsSilent());
  RenewLease();
  const std::string all = "+QUEUED\r\n*1\r\n$-1\r\n";
  EXPECT_EQ(publisher->Read(all.size()), all);
  EndLease();
  EXPECT_EQ(publisher->Ask("PING", "+PONG\r\n"), "+PONG\r\n") << "all before it has left";
}

TEST_F(EventLoopTest, AReplyThatIsAckedWaitsForTheLeaseAsWell) {
  const auto client = loops_->Connect(0);
  EndLease();
  client->Send("STOCK.CREATE " + loops_->KeyOn(0, "mask") + " 5");
  SyncUntil(2);
  EXPECT_TRUE(client->IsSilent());
  RenewLease();
  EXPECT_EQ(client->Read(5), "+OK\r\n");
}

// ---- another server leads

TEST_F(EventLoopTest, WhoWaitsIsToldThatNobodyKnowsAndLetGo) {
  const auto client = loops_->Connect(0);
  const auto idle = loops_->Connect(1);
  EXPECT_EQ(idle->Ask("PING", "+PONG\r\n"), "+PONG\r\n");
  client->Send("PING");
  client->Send("STOCK.CREATE " + loops_->KeyOn(0, "mask") + " 5");
  client->Send("STOCK.CREATE " + loops_->KeyOn(1, "mask") + " 5");
  client->Send("PING");
  EXPECT_EQ(client->Read(7), "+PONG\r\n");
  EXPECT_TRUE(client->IsSilent());
  const auto begun = std::chrono::steady_clock::now();
  loops_->Abandon();
  const std::string refused = std::string(kNotAcked) + std::string(kNotAcked);
  // The last one was answered, and yet its answer stands behind what is unknown.
  EXPECT_EQ(client->Read(3 * kNotAcked.size()), refused + std::string(kNotAcked));
  EXPECT_TRUE(client->Ended());
  EXPECT_TRUE(idle->Ended());
  loops_->Join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(2000));
  EXPECT_FALSE(loops_->Connect(0)->connected());
}

TEST_F(EventLoopTest, WhatHadNoLeaseIsNeverSentAndRefusalsAre) {
  const auto answered = loops_->Connect(0);
  const auto waiting = loops_->Connect(0);
  EXPECT_EQ(answered->Ask("PING", "+PONG\r\n"), "+PONG\r\n");
  EXPECT_EQ(waiting->Ask("PING", "+PONG\r\n"), "+PONG\r\n");
  EndLease();
  answered->Send("GET k");
  waiting->Send("STOCK.CREATE " + loops_->KeyOn(0, "mask") + " 5");
  EXPECT_TRUE(answered->IsSilent());
  EXPECT_TRUE(waiting->IsSilent());
  loops_->Abandon();
  EXPECT_EQ(waiting->Read(kNotAcked.size()), kNotAcked);
  EXPECT_TRUE(waiting->Ended());
  EXPECT_EQ(answered->Read(1), "");
  EXPECT_TRUE(answered->Ended());
}

TEST_F(EventLoopTest, AClientThatDoesNotReadHoldsNobodyUp) {
  const auto client = loops_->Connect(0);
  const std::string key = loops_->KeyOn(0, "k");
  client->Send("SET " + key + " " + std::string(60'000, 'x'));
  for (int i = 0; i < 400; ++i) client->Send("GET " + key);
  std::this_thread::sleep_for(milliseconds(200));  // both sides' buffers are full
  const auto begun = std::chrono::steady_clock::now();
  loops_->Abandon();
  loops_->Join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(2000));
}

TEST_F(EventLoopTest, ANewLifeBeginsOnTheSameServer) {
  std::vector<std::unique_ptr<Socket>> clients;
  for (size_t shard = 0; shard < kShards; ++shard) {
    clients.push_back(loops_->Connect(shard));
    EXPECT_EQ(clients.back()->Ask("SUBSCRIBE c", "*3\r\n"), "*3\r\n");
    clients.push_back(loops_->Connect(shard));
    EXPECT_EQ(clients.back()->Ask("PSUBSCRIBE p*", "*3\r\n"), "*3\r\n");
    clients.push_back(loops_->Connect(shard));
    EXPECT_EQ(clients.back()->Ask("MONITOR", "+OK\r\n"), "+OK\r\n");
  }
  const auto writer = loops_->Connect(0);
  EXPECT_EQ(writer->Ask("SET " + loops_->KeyOn(0, "k") + " v", "+OK\r\n"), "+OK\r\n");
  EXPECT_EQ(writer->Ask("WATCH " + loops_->KeyOn(1, "k"), "+OK\r\n"), "+OK\r\n");
  EXPECT_EQ(writer->Ask("MULTI", "+OK\r\n"), "+OK\r\n");
  EXPECT_EQ(state_.monitors, kShards);
  while (state_.Sum(&ShardMetrics::client_bytes) == 0)  // they are looked at a few times a second
    std::this_thread::sleep_for(milliseconds(1));
  loops_->Abandon();
  loops_->Join();
  const uint64_t processed = state_.Sum(&ShardMetrics::commands_processed);
  loops_.reset();
  EXPECT_EQ(state_.channels.distinct(), 0U);
  EXPECT_EQ(state_.patterns.distinct(), 0U);
  EXPECT_EQ(state_.monitors, 0);
  EXPECT_EQ(state_.untold_bytes, 0U);
  EXPECT_EQ(state_.Sum(&ShardMetrics::clients), 0U);
  EXPECT_EQ(state_.Sum(&ShardMetrics::client_bytes), 0U);
  EXPECT_EQ(state_.Sum(&ShardMetrics::subscriptions), 0U);
  EXPECT_EQ(state_.Sum(&ShardMetrics::pubsub_clients), 0U);

  loops_ = std::make_unique<Loops>(state_, clock_);
  EXPECT_EQ(state_.metrics[0].keys[0].Get(), 0U);
  const auto client = loops_->Connect(1);
  EXPECT_EQ(client->Ask("PUBLISH c m", ":0\r\n"), ":0\r\n");
  EXPECT_EQ(client->Ask("SET " + loops_->KeyOn(0, "k") + " v", "+OK\r\n"), "+OK\r\n");
  EXPECT_EQ(state_.Sum(&ShardMetrics::commands_processed), processed + 2);
  loops_->Stop();
  EXPECT_TRUE(client->Ended());
}

}  // namespace
}  // namespace holdfast
