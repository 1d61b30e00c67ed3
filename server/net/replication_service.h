// ReplicationService: the replication thread: a loop of its own with the links to other nodes, and
// the host that drives them. Commands reach it by ReplicationControl.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <uv.h>

#include "server/net/replication_link.h"
#include "server/replication/control.h"
#include "server/replication/group_store.h"
#include "server/replication/host.h"
#include "storage/waker.h"

namespace holdfast {

class ReplicationService final : public ReplicationControl,
                                 private ReplicationLinks,
                                 private ReplicationLink::Owner {
 public:
  using Options = ReplicationHost::Options;

  // All outlive it.
  ReplicationService(RocksLog& log, ServerState& server, Options options);
  // Closes all links.
  ~ReplicationService() override;

  // To be woken when the log moves; before the log starts.
  Waker& waker() { return waker_; }

  // Once. The log was replayed, and follows; it begins with `first`, and is acked up to `acked`.
  void Start(Index first, Index acked);
  void Stop();

  // ---- any other thread, once it is started; they wait until it is done
  void Serve(Post& post, std::vector<Waker*> loops, Index applied);
  void StopServing();
  Index ReloadUpTo();
  // Whether clients may come in: this node leads, or follows.
  bool settled() const { return settled_.load(std::memory_order_acquire); }

  // ---- ReplicationControl: any thread
  ReplicationStatus Describe() const override;
  void Follow(NodeAddress primary) override;
  Status Lead() override;
  Status RemoveMember(const NodeAddress& replica) override;
  Status HandOver(const std::optional<NodeAddress>& to,
                  std::optional<DurationMs> patience) override;
  Status GiveUpHandOver() override;
  void TakeLink(int descriptor, const LinkHello& hello) override;

 private:
  class LoopWaker final : public Waker {
   public:
    // Wakes nobody until there is something to do for whom.
    std::atomic<bool> interested{false};
    uv_async_t* async = nullptr;
    void Wake() override {
      if (interested.load(std::memory_order_relaxed)) uv_async_send(async);
    }
  };
  // An address to which a link was ever wanted.
  struct Dialing {
    NodeAddress address;
    bool wanted = false;
    bool resolving = false;
    Uptime next_try{0};
    std::string told{};  // why the last try failed
  };

  // ReplicationLinks
  std::string* OutTo(const NodeId& node) override;
  size_t UnsentTo(const NodeId& node) const override;
  void WantLink(const NodeAddress& address) override;

  // ReplicationLink::Owner
  LinkHello Hello() const override;
  void OnUp(ReplicationLink& link) override;
  Status OnFrame(ReplicationLink& link, std::string_view frame) override;
  void OnFrames() override;
  void OnClosed(ReplicationLink& link, const std::string& why) override;

  void Turn();
  void Call(std::function<void()> task);
  void CallAndWait(const std::function<void()>& task);
  void RunTasks();
  void CloseSilentLinks(Uptime now);
  void Dial(Dialing& dialing);
  void Resolved(const NodeAddress& address, int status, const addrinfo* found);
  std::deque<std::string> Requests() const;
  ReplicationLink* LinkTo(const NodeId& node) const;
  Dialing* DialingOf(const NodeAddress& address);

  RocksLog& log_;
  ServerState& server_;
  const Options options_;
  uv_loop_t uv_{};
  uv_async_t async_{};
  uv_timer_t tick_{};
  LoopWaker waker_;
  OwnGroupStore groups_;
  std::unique_ptr<ReplicationHost> host_;
  std::vector<ReplicationLink*> links_;
  std::list<Dialing> dialing_;
  Uptime turned_{0};
  Uptime described_{0};
  std::thread thread_;
  std::atomic<bool> settled_{false};

  std::mutex tasks_mutex_;
  std::vector<std::function<void()>> tasks_;
  bool stop_ = false;  // the thread's own

  mutable std::mutex status_mutex_;
  ReplicationStatus status_;
};

}  // namespace holdfast
