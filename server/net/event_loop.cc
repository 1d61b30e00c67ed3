#include "server/net/event_loop.h"

#include <algorithm>
#include <span>
#include <utility>

#include "server/server_log.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Holds that nobody asks for settle, and keys expire, within this and one turn.
constexpr uint64_t kTickMs = 20;
constexpr uint64_t kWatchClientsMs = 200;
// How long a clean stop waits for clients that do not read.
constexpr uint64_t kDrainMs = 5000;
// And one that leads no more: its clients have to find the one that does.
constexpr uint64_t kAbandonMs = 200;

constexpr std::string_view kNotAcked =
    "NOTACKED this server no longer leads: the outcome is unknown, repeat with the same hold id at "
    "the new primary";

}  // namespace

struct EventLoop::Listener {
  union {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
};

EventLoop::EventLoop(Shard& shard, const ServerClock& clock)
    : shard_(shard),
      clock_(clock),
      uv_(),
      prepare_(),
      busy_(),
      tick_(),
      mailbox_((uv_loop_init(&uv_), &uv_), this,
               [](void* self) { static_cast<EventLoop*>(self)->OnWake(); }),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBufferBytes)) {
  uv_prepare_init(&uv_, &prepare_);
  uv_idle_init(&uv_, &busy_);
  uv_timer_init(&uv_, &tick_);
  prepare_.data = busy_.data = tick_.data = this;
}

EventLoop::~EventLoop() {
  // Handles that Run never saw (a start that failed) are closed here, so that the loop can end.
  uv_walk(
      &uv_,
      [](uv_handle_t* handle, void*) {
        if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
      },
      nullptr);
  uv_run(&uv_, UV_RUN_DEFAULT);
  uv_loop_close(&uv_);
}

void EventLoop::Connect(Post& post) { router_ = std::make_unique<Router>(shard_, post); }

Status EventLoop::Listen(int descriptor, bool unix_socket, int backlog) {
  auto listener = std::make_unique<Listener>();
  int error = 0;
  if (unix_socket) {
    uv_pipe_init(&uv_, &listener->pipe, 0);
    error = uv_pipe_open(&listener->pipe, descriptor);
  } else {
    uv_tcp_init(&uv_, &listener->tcp);
    error = uv_tcp_open(&listener->tcp, descriptor);
  }
  listener->stream()->data = this;
  if (error == 0) {
    error = uv_listen(listener->stream(), backlog, [](uv_stream_t* server, int status) {
      if (status != 0) return;
      auto* loop = static_cast<EventLoop*>(server->data);
      loop->BeginWork();
      Connection::Accept(*loop, server);
    });
  }
  listeners_.push_back(std::move(listener));
  return error == 0 ? Status::Ok()
                    : Status::Io(std::string("cannot listen: ") + uv_strerror(error));
}

void EventLoop::Run() {
  uv_prepare_start(
      &prepare_, [](uv_prepare_t* handle) { static_cast<EventLoop*>(handle->data)->OnPrepare(); });
  uv_timer_start(
      &tick_, [](uv_timer_t* timer) { static_cast<EventLoop*>(timer->data)->OnTick(); }, kTickMs,
      kTickMs);
  uv_run(&uv_, UV_RUN_DEFAULT);
}

// ---- callbacks

void EventLoop::BeginWork() {
  shard_.NoteStanding();
  shard_.SetNow(clock_.Now());
  if (work_started_ns_ != 0) return;
  work_started_ns_ = uv_hrtime();
  const bool watched = shard_.config().latency_monitor_threshold > 0;
  work_started_cpu_ns_ = watched ? ThreadCpuNs() : 0;
}

void EventLoop::OnWake() {
  // Letters first: what they ask for is done no earlier, by the clock, than it was sent, and with
  // the data that their sender knew to be loaded.
  mailbox_.Take(letters_);
  BeginWork();
  if (stop_asked_.load(std::memory_order_acquire)) StartStopping();
  for (Letter& letter : letters_) router_->Deliver(std::move(letter));
  letters_.clear();
  router_->OnAcked();
  if (abandon_asked_.load(std::memory_order_acquire)) StartAbandoning();
  UpdateHeld();
  FlushWithheld();
}

void EventLoop::OnTick() {
  BeginWork();
  EndPause();
  FlushWithheld();
  router_->Work();
  const uint64_t now = uv_now(&uv_);
  if (now - clients_watched_ms_ >= kWatchClientsMs) {
    clients_watched_ms_ = now;
    WatchClients();
  }
  if (stopping_) FinishIfDrained();
}

void EventLoop::OnPrepare() {
  ExecuteGathered();
  UpdateHeld();
  router_->EndTurn();
  if (work_started_ns_ != 0) {
    shard_.metrics().turn_us_max.Max((uv_hrtime() - work_started_ns_) / 1000);
    if (work_started_cpu_ns_ != 0) {
      shard_.metrics().turn_cpu_us_max.Max((ThreadCpuNs() - work_started_cpu_ns_) / 1000);
    }
    work_started_ns_ = 0;
  }
  const bool busy = router_->HasWork() || !to_resume_.empty();
  if (busy == busy_active_) return;
  busy_active_ = busy;
  if (!busy) {
    uv_idle_stop(&busy_);
    return;
  }
  uv_idle_start(&busy_, [](uv_idle_t* idle) { static_cast<EventLoop*>(idle->data)->OnBusy(); });
}

void EventLoop::OnBusy() {
  BeginWork();
  std::vector<Connection*> resumed;
  resumed.swap(to_resume_);
  for (Connection* connection : resumed) connection->to_resume = false;
  for (Connection* connection : resumed) connection->OnResume();
  router_->Work();
}

void EventLoop::UpdateHeld() {
  const ServerState& server = shard_.server();
  // Who follows writes what its link brings, and its clients write nothing.
  const bool congested = server.log.Congested() && !shard_.follows();
  const bool held = congested || server.untold_bytes > ServerState::kUntoldBytesMax;
  if (held == held_) return;
  BeginWork();
  held_ = held;
  for (Connection* at = connections_; at != nullptr;) {
    Connection* next = at->next;
    held ? at->Hold() : at->Unhold();
    at = next;
  }
}

void EventLoop::FlushWithheld() {
  if (!withheld_ || !MayAnswer()) return;
  withheld_ = false;
  for (Connection* at = connections_; at != nullptr;) {
    Connection* next = at->next;
    at->OnReplies();
    at = next;
  }
}

// Whoever waits for a pause that is over, or is weaker by now, tries again.
void EventLoop::EndPause() {
  if (shard_.server().pause.At(shard_.now()) >= postponed_under_) return;
  postponed_under_ = PauseKind::kNone;
  for (Connection* at = connections_; at != nullptr; at = at->next) at->EndPostponed();
}

// Looks at all clients a few times a second: who is idle, and what they hold together.
void EventLoop::WatchClients() {
  size_t bytes = 0;
  Connection* largest = nullptr;
  for (Connection* at = connections_; at != nullptr;) {
    Connection* next = at->next;
    if (!CloseIfIdle(*at) && !at->CloseIfOverSoftLimit()) {
      bytes += at->BufferBytes();
      const bool candidate = !at->client().no_evict;
      if (candidate && (largest == nullptr || at->BufferBytes() > largest->BufferBytes()))
        largest = at;
    }
    at = next;
  }
  shard_.metrics().client_bytes.Set(bytes);
  shard_.metrics().client_bytes_largest.Set(largest == nullptr ? 0 : largest->BufferBytes());
  const auto limit = static_cast<uint64_t>(shard_.config().maxmemory_clients);
  const ServerState& server = shard_.server();
  if (limit == 0 || largest == nullptr || server.Sum(&ShardMetrics::client_bytes) <= limit) return;
  // The largest of all goes, so the other shards leave it to its owner.
  for (const ShardMetrics& other : server.metrics) {
    if (other.client_bytes_largest.Get() > largest->BufferBytes()) return;
  }
  LogWarning("Closing client {}: it holds the most of what exceeds maxmemory-clients",
             largest->client().address);
  largest->Close();
}

bool EventLoop::CloseIfIdle(Connection& connection) {
  const auto timeout = shard_.config().timeout;
  const Client& client = connection.client();
  // Who is still owed an answer is not idle, nor is who waits for the end of a pause, or listens.
  if (timeout.count() == 0 || !connection.drained() || client.postponed || client.subscriptions)
    return false;
  if (shard_.now() - client.last_seen < timeout) return false;
  LogVerbose("Closing idle client {}", client.address);
  connection.Close();
  return true;
}

// ---- connections

void EventLoop::Add(Connection& connection) {
  connection.next = connections_;
  if (connections_ != nullptr) connections_->previous = &connection;
  connections_ = &connection;
}

void EventLoop::Remove(Connection& connection) {
  if (connection.previous != nullptr) {
    connection.previous->next = connection.next;
  } else {
    connections_ = connection.next;
  }
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  if (connection.to_resume) std::erase(to_resume_, &connection);
  if (!connection.gathered) return;
  connection.gathered = false;
  for (Gathered& one : std::span(gathered_).first(gathered_count_)) {
    if (one.connection == &connection) one.connection = nullptr;
  }
}

void EventLoop::Gather(Connection& connection, std::string_view input) {
  Invariant(!connection.gathered && input.data() == ReadRoom().base);
  connection.gathered = true;
  Gathered& one = gathered_[gathered_count_++];
  one.connection = &connection;
  one.input = input;
  gathered_end_ += input.size();
  if (gathered_count_ == kGatheredMax) ExecuteGathered();
}

void EventLoop::ExecuteGathered() {
  const auto gathered = std::span(gathered_).first(gathered_count_);
  std::array<Router::Ahead, kGatheredMax> all;
  size_t read = 0;
  for (Gathered& one : gathered) {
    if (one.connection != nullptr) all[read++] = one.connection->ReadRequests(one.input, one.ahead);
  }
  router_->Prefetch(std::span(all).first(read));
  for (Gathered& one : gathered) {
    if (one.connection != nullptr) one.connection->ExecuteGathered(one.input, one.ahead);
  }
  gathered_count_ = 0;
  gathered_end_ = 0;
}

void EventLoop::ResumeLater(Connection& connection) {
  if (connection.to_resume) return;
  connection.to_resume = true;
  to_resume_.push_back(&connection);
}

// ---- stopping

void EventLoop::Stop() {
  stop_asked_.store(true, std::memory_order_release);
  mailbox_.Wake();
}

void EventLoop::StartStopping() {
  if (stopping_) return;
  stopping_ = true;
  drain_deadline_ms_ = uv_now(&uv_) + kDrainMs;
  for (const auto& listener : listeners_) {
    uv_close(reinterpret_cast<uv_handle_t*>(listener->stream()), nullptr);
  }
  for (Connection* at = connections_; at != nullptr; at = at->next) at->StopReading();
}

void EventLoop::Abandon() {
  abandon_asked_.store(true, std::memory_order_release);
  mailbox_.Wake();
}

void EventLoop::StartAbandoning() {
  if (abandoned_) return;
  // What this turn has answered and waits for nothing may leave like what was answered before.
  router_->EndTurn();
  StartStopping();
  drain_deadline_ms_ = uv_now(&uv_) + kAbandonMs;
  const bool may_answer = MayAnswer();
  abandoned_ = true;
  for (Connection* at = connections_; at != nullptr;) {
    Connection* next = at->next;
    if (!may_answer && at->HasWithheldAnswers()) at->Close();
    at = next;
  }
  router_->RefuseWaiting(kNotAcked);
}

void EventLoop::FinishIfDrained() {
  // What an abandoned shard has still to do, nobody asks for any more.
  bool drained = abandoned_ || !router_->HasWork();
  for (Connection* at = connections_; at != nullptr && drained; at = at->next)
    drained = at->drained();
  if (!drained_ && (drained || uv_now(&uv_) >= drain_deadline_ms_)) {
    drained_ = true;
    --drain_->loops_running;
  }
  if (drained_ && drain_->loops_running.load() == 0) CloseAll();
}

void EventLoop::CloseAll() {
  while (connections_ != nullptr) connections_->Close();
  shard_.metrics().client_bytes.Set(0);
  shard_.metrics().client_bytes_largest.Set(0);
  uv_prepare_stop(&prepare_);
  uv_idle_stop(&busy_);
  for (uv_handle_t* handle :
       {reinterpret_cast<uv_handle_t*>(&prepare_), reinterpret_cast<uv_handle_t*>(&busy_),
        reinterpret_cast<uv_handle_t*>(&tick_)}) {
    uv_close(handle, nullptr);
  }
  mailbox_.Close();
}

}  // namespace holdfast
