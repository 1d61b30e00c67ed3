// EventLoop: one shard's thread. libuv around a Router: sockets, wakes and ticks in, replies out,
// and the end of the turn before every wait.
//
//   poll (reads, letters, log wakes) ─► timers ─► prepare: what was gathered, EndTurn ─► poll ...
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "server/clock.h"
#include "server/net/connection.h"
#include "server/net/mailbox.h"
#include "server/net/read_ahead.h"
#include "server/shard/router.h"
#include "storage/base/invariant.h"

namespace holdfast {

class EventLoop {
 public:
  // `shard` and `clock` outlive the loop. Nothing runs before Run.
  EventLoop(Shard& shard, const ServerClock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Mailbox& mailbox() { return mailbox_; }
  // Once, before Run: the road to the other loops.
  void Connect(Post& post);

  // Before Run. Takes over a bound socket that this loop listens on.
  Status Listen(int descriptor, bool unix_socket, int backlog);

  // Until drained after Stop. Then every socket is closed.
  void Run();

  // Any thread. No new connection, no new request; what is owed is sent, for a bounded time. Each
  // loop serves the others' letters until the last has drained: they share a Drain.
  void Stop();
  struct Drain {
    std::atomic<int> loops_running;
  };
  void SetDrain(Drain* drain) { drain_ = drain; }
  // Any thread. Another server leads: no new connection, no new request; whoever waits for an
  // answer is told that nobody knows it, what was not sent for want of a lease never is, and Run
  // returns soon, whoever reads or acks. The shard is good for nothing then.
  void Abandon();

  // ---- for Connection; owner thread
  uv_loop_t* uv() { return &uv_; }
  Router& router() { return *router_; }
  // Where the next read goes, behind what is gathered.
  uv_buf_t ReadRoom() {
    return uv_buf_init(read_buffer_.get() + gathered_end_,
                       static_cast<unsigned>(kReadBufferBytes - gathered_end_));
  }
  bool InReadBuffer(const char* at) const {
    return std::less_equal<>()(read_buffer_.get(), at) &&
           std::less<>()(at, read_buffer_.get() + kReadBufferBytes);
  }
  // A read that brings more has requests enough of its own to be looked ahead at.
  static constexpr size_t kGatheredBytesMax = 256;
  // A request alone waits for one cache miss after the other, and with -P 1 each connection that
  // the poll found readable brings one. So what small reads brought waits for the others', at most
  // until the end of the turn; then all are looked ahead at together, and run; not those of a
  // connection that fails meanwhile, which could not be answered. `input` stays where it is.
  // Requires: at most kGatheredBytesMax, nothing of this connection is gathered, and
  // nothing ran since ReadRoom told where `input` was to go (so the room lasts).
  void Gather(Connection& connection, std::string_view input);
  void ExecuteGathered();
  void Add(Connection& connection);
  void Remove(Connection& connection);
  // It has requests read and not executed, and room again: goes on with them in the next turn.
  void ResumeLater(Connection& connection);
  // From here to EndExecuting requests of this connection run, and none of any other.
  void StartExecuting(const Connection& connection) {
    Invariant(executing_ == nullptr);
    executing_ = &connection;
  }
  // For what is read and executed at once.
  ReadAhead& read_ahead() { return read_ahead_; }
  void EndExecuting() { executing_ = nullptr; }
  const Connection* executing() const { return executing_; }
  // A client waits for the end of such a pause.
  void NotePostponed(PauseKind paused) { postponed_under_ = std::max(postponed_under_, paused); }
  // The log's queue is over its bound: no socket is read.
  bool held() const { return held_; }
  // Whether what the state told may leave now (Standing::answers_until_ns). Asked when it has been
  // read: what is handed to the socket in time was true then, however long it travels.
  bool MayAnswer() const {
    const int64_t until = shard_.server().standing.answers_until_ns.load(std::memory_order_acquire);
    if (until == Standing::kForGood) [[likely]]
      return true;
    return abandoned_ || static_cast<int64_t>(uv_hrtime()) < until;
  }
  // A connection has kept what may not leave: it is tried again when a lease may be there.
  void NoteWithheld() { withheld_ = true; }
  // Reads the clock, before anything is done in a callback.
  void BeginWork();

 private:
  static constexpr size_t kReadBufferBytes = size_t{64} * 1024;
  static constexpr size_t kGatheredMax = 16;

  struct Gathered {
    Connection* connection = nullptr;  // null: closed meanwhile
    std::string_view input;
    ReadAhead ahead;
  };

  void OnWake();
  void OnTick();
  void OnPrepare();
  void FlushWithheld();
  void StartStopping();
  void StartAbandoning();
  void FinishIfDrained();
  void OnBusy();
  void WatchClients();
  bool CloseIfIdle(Connection& connection);
  void UpdateHeld();
  void EndPause();
  void CloseAll();
  void Init(uv_handle_t* handle) { handle->data = this; }

  Shard& shard_;
  const ServerClock& clock_;
  uv_loop_t uv_;
  uv_prepare_t prepare_;
  uv_idle_t
      busy_;  // active while there is work that waits for nothing: the poll does not block then
  uv_timer_t tick_;
  Mailbox mailbox_;
  std::unique_ptr<Router> router_;

  struct Listener;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Connection* connections_ = nullptr;
  std::vector<Connection*> to_resume_;
  std::vector<Letter> letters_;
  std::unique_ptr<char[]> read_buffer_;
  ReadAhead read_ahead_;
  std::array<Gathered, kGatheredMax> gathered_;
  size_t gathered_count_ = 0;
  size_t gathered_end_ = 0;  // in read_buffer_
  const Connection* executing_ = nullptr;

  bool held_ = false;
  bool withheld_ = false;
  PauseKind postponed_under_ = PauseKind::kNone;  // the strongest that a client here waits for
  bool busy_active_ = false;
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> abandon_asked_{false};
  bool abandoned_ = false;  // what leaves from now on is refusals
  bool stopping_ = false;
  bool drained_ = false;
  uint64_t drain_deadline_ms_ = 0;  // of uv_now
  uint64_t work_started_ns_ = 0;
  // Of the thread's own time, which whatever else the machine does leaves alone. Asking for it is a
  // system call: 0 unless latency-monitor-threshold looks for delays.
  uint64_t work_started_cpu_ns_ = 0;
  uint64_t clients_watched_ms_ = 0;
  Drain* drain_ = nullptr;
};

}  // namespace holdfast
