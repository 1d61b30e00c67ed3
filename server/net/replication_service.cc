#include "server/net/replication_service.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <utility>

#include <netdb.h>
#include <unistd.h>

#include "protocol/resp_writer.h"
#include "server/replication/steady_uptime.h"
#include "server/server_log.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// While others are to be heard of; and while nobody is there.
constexpr uint64_t kTickMs = 5;
constexpr Uptime kIdleTick{100};
constexpr Uptime kDescribeEvery{2};

// A link that brings nothing for so long is dead: a primary beats twenty times a second.
constexpr Uptime kSilence{2000};
constexpr Uptime kDialAgain{500};
// Frames that nobody takes pile up no further: what is lost is asked for again.
constexpr size_t kUnsentMax = size_t{16} << 20;

bool ParseIp(const NodeAddress& address, sockaddr_storage& out) {
  const int port = static_cast<int>(address.port);
  return uv_ip4_addr(address.host.c_str(), port, reinterpret_cast<sockaddr_in*>(&out)) == 0 ||
         uv_ip6_addr(address.host.c_str(), port, reinterpret_cast<sockaddr_in6*>(&out)) == 0;
}

std::string Command(const std::vector<std::string>& words) {
  std::string out;
  RespWriter writer(out, RespVersion::kResp2);
  writer.Array(words.size());
  for (const std::string& word : words) writer.Bulk(word);
  return out;
}

}  // namespace

ReplicationService::ReplicationService(RocksLog& log, ServerState& server, Options options)
    : log_(log), server_(server), options_(std::move(options)), groups_(log) {
  uv_loop_init(&uv_);
  uv_async_init(&uv_, &async_, [](uv_async_t* async) {
    auto* self = static_cast<ReplicationService*>(async->data);
    self->RunTasks();
    self->Turn();
  });
  uv_timer_init(&uv_, &tick_);
  async_.data = tick_.data = this;
  waker_.async = &async_;
}

ReplicationService::~ReplicationService() {
  Stop();
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&async_)) == 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
  }
  uv_run(&uv_, UV_RUN_DEFAULT);
  uv_loop_close(&uv_);
}

void ReplicationService::Start(Index first, Index acked) {
  ReplicationLinks& links = *this;  // for others it is private that this is one
  host_ = std::make_unique<ReplicationHost>(log_, server_, links, groups_, &waker_, first, acked,
                                            options_);
  status_ = host_->Describe();
  uv_timer_start(
      &tick_,
      [](uv_timer_t* timer) {
        auto* self = static_cast<ReplicationService*>(timer->data);
        if (self->host_->busy() || SteadyUptime() - self->turned_ >= kIdleTick) self->Turn();
      },
      kTickMs, kTickMs);
  thread_ = std::thread([this] { uv_run(&uv_, UV_RUN_DEFAULT); });
}

void ReplicationService::Stop() {
  if (!thread_.joinable()) return;
  Call([this] {
    stop_ = true;
    for (ReplicationLink* link : std::vector(links_)) link->Close({});
    uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
  });
  thread_.join();
  host_.reset();
}

// ---- tasks

void ReplicationService::Call(std::function<void()> task) {
  {
    const std::lock_guard lock(tasks_mutex_);
    tasks_.push_back(std::move(task));
  }
  uv_async_send(&async_);
}

void ReplicationService::CallAndWait(const std::function<void()>& task) {
  std::promise<void> done;
  Call([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void ReplicationService::RunTasks() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(tasks_mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

void ReplicationService::Turn() {
  if (stop_) return;
  turned_ = SteadyUptime();
  host_->Turn(turned_);
  CloseSilentLinks(turned_);
  for (ReplicationLink* link : std::vector(links_)) link->Flush();
  for (Dialing& dialing : dialing_) {
    if (dialing.wanted && !dialing.resolving && turned_ >= dialing.next_try) Dial(dialing);
  }
  waker_.interested = host_->busy();
  const bool lets_clients_in = host_->settled() && !settled();
  if (!lets_clients_in && turned_ - described_ < kDescribeEvery) return;  // the next tick does
  described_ = turned_;
  groups_.Look();
  {
    const std::lock_guard lock(status_mutex_);
    status_ = host_->Describe();
  }
  // The first one may ask what this server is.
  if (lets_clients_in) settled_.store(true, std::memory_order_release);
}

// ---- the server, and commands

void ReplicationService::Serve(Post& post, std::vector<Waker*> loops, Index applied) {
  CallAndWait([&] { host_->Serve(post, std::move(loops), applied); });
}

void ReplicationService::StopServing() {
  CallAndWait([this] { host_->StopServing(); });
}

Index ReplicationService::ReloadUpTo() {
  Index up_to = 0;
  CallAndWait([&] { up_to = host_->ReloadUpTo(); });
  return up_to;
}

ReplicationStatus ReplicationService::Describe() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

void ReplicationService::Follow(NodeAddress primary) {
  Call([this, primary = std::move(primary)] { host_->Follow(primary); });
}

Status ReplicationService::Lead() {
  const ReplicationStatus status = Describe();
  if (status.leads) return Status::Ok();
  if (!status.may_lead) {
    return Status::Invalid(
        "this server is not in the sync set of its primary: it may lack what was acknowledged. "
        "Name it in the primary's sync-replicas while that is up, or promote another replica");
  }
  Call([this] { host_->Lead(); });
  return Status::Ok();
}

Status ReplicationService::RemoveMember(const NodeAddress& replica) {
  const ReplicationStatus status = Describe();
  if (!status.leads) return Status::Invalid("this server is not a primary");
  const auto is_it = [&](const Member& member) { return member.address == replica.Text(); };
  if (std::ranges::none_of(status.group.sync_set, is_it)) {
    return Status::Invalid("no member of the sync set is at " + replica.Text());
  }
  Call([this, replica] { host_->RemoveMember(replica); });
  return Status::Ok();
}

Status ReplicationService::HandOver(const std::optional<NodeAddress>& to,
                                    std::optional<DurationMs> patience) {
  const ReplicationStatus status = Describe();
  if (status.handing_over) return Status::Busy("FAILOVER already in progress.");
  if (!status.leads) return Status::Invalid("FAILOVER is not valid when server is a replica.");
  if (status.replicas.empty()) return Status::Invalid("FAILOVER requires connected replicas.");
  const auto is_asked = [&](const ReplicaStatus& replica) { return !to || replica.address == *to; };
  if (std::ranges::none_of(status.replicas, is_asked)) {
    return Status::Invalid("FAILOVER target HOST and PORT is not a replica.");
  }
  const auto may_lead = [&](const ReplicaStatus& replica) {
    return is_asked(replica) && replica.is_member;
  };
  if (std::ranges::none_of(status.replicas, may_lead)) {
    return Status::Invalid(
        "FAILOVER requires a member of the sync set: another replica may lack what was "
        "acknowledged.");
  }
  Call([this, to, patience] { host_->HandOver(to, patience); });
  return Status::Ok();
}

Status ReplicationService::GiveUpHandOver() {
  if (!Describe().handing_over) return Status::Invalid("No failover in progress.");
  Call([this] { host_->GiveUpHandOver(); });
  return Status::Ok();
}

void ReplicationService::TakeLink(int descriptor, const LinkHello& hello) {
  Call([this, descriptor, hello] { ReplicationLink::Accept(&uv_, *this, descriptor, hello); });
}

// ---- links

ReplicationLink* ReplicationService::LinkTo(const NodeId& node) const {
  // The youngest: an older one may be dead, and nobody has noticed yet.
  const auto is_it = [&](const ReplicationLink* link) {
    return link->up() && link->node() == node;
  };
  const auto found = std::find_if(links_.rbegin(), links_.rend(), is_it);
  return found == links_.rend() ? nullptr : *found;
}

std::string* ReplicationService::OutTo(const NodeId& node) {
  ReplicationLink* const link = LinkTo(node);
  return link == nullptr || link->unsent() > kUnsentMax ? nullptr : &link->out();
}

size_t ReplicationService::UnsentTo(const NodeId& node) const {
  const ReplicationLink* const link = LinkTo(node);
  return link == nullptr ? 0 : link->unsent();
}

void ReplicationService::OnUp(ReplicationLink& link) {
  const auto known = std::ranges::find(links_, &link);
  if (known == links_.end()) links_.push_back(&link);
  if (Dialing* const dialing = DialingOf(link.dialed()); dialing != nullptr) dialing->told.clear();
  if (link.node() == log_.node()) return link.Close("it is this server itself");
  const bool tells = !link.announced().empty();
  host_->LinkIsUp(link.node(), tells ? link.announced() : link.dialed(), link.dialed());
}

Status ReplicationService::OnFrame(ReplicationLink& link, std::string_view frame) {
  return host_->TakeFrame(link.node(), frame);
}

void ReplicationService::OnFrames() { Turn(); }

void ReplicationService::OnClosed(ReplicationLink& link, const std::string& why) {
  std::erase(links_, &link);
  if (stop_) return;
  if (Dialing* const dialing = DialingOf(link.dialed());
      dialing != nullptr && !why.empty() && dialing->told != why) {
    dialing->told = why;
    LogWarning("Replication: no link with {}: {}", link.dialed().Text(), why);
  }
  const bool was_up = link.node() != NodeId{} && link.node() != log_.node();
  if (was_up && LinkTo(link.node()) == nullptr) {
    if (!why.empty()) LogWarning("Replication: the link with {} ended: {}", link.node().Hex(), why);
    host_->LinkIsDown(link.node());
  }
}

void ReplicationService::CloseSilentLinks(Uptime now) {
  for (ReplicationLink* link : std::vector(links_)) {
    if (now - link->heard() > kSilence) link->Close("it is silent");
  }
}

// ---- dialing

ReplicationService::Dialing* ReplicationService::DialingOf(const NodeAddress& address) {
  const auto found = std::ranges::find(dialing_, address, &Dialing::address);
  return found == dialing_.end() ? nullptr : &*found;
}

void ReplicationService::WantLink(const NodeAddress& address) {
  const auto is_to = [&](const ReplicationLink* link) { return link->dialed() == address; };
  if (std::ranges::any_of(links_, is_to)) return;
  Dialing* dialing = DialingOf(address);
  if (dialing == nullptr) dialing = &dialing_.emplace_back(Dialing{.address = address});
  dialing->wanted = true;
}

void ReplicationService::Dial(Dialing& dialing) {
  dialing.wanted = false;
  dialing.next_try = turned_ + kDialAgain;
  sockaddr_storage address{};
  if (ParseIp(dialing.address, address)) {
    auto* link = ReplicationLink::Dial(&uv_, *this, dialing.address, address, Requests());
    if (link != nullptr) links_.push_back(link);
    return;
  }
  struct Lookup {
    uv_getaddrinfo_t request;
    ReplicationService* service;
    NodeAddress address;
  };
  auto* lookup = new Lookup{.request = {}, .service = this, .address = dialing.address};
  lookup->request.data = lookup;
  dialing.resolving = true;
  const addrinfo hints{.ai_flags = 0,
                       .ai_family = AF_UNSPEC,
                       .ai_socktype = SOCK_STREAM,
                       .ai_protocol = 0,
                       .ai_addrlen = 0,
                       .ai_addr = nullptr,
                       .ai_canonname = nullptr,
                       .ai_next = nullptr};
  const std::string port = std::to_string(dialing.address.port);
  const int error = uv_getaddrinfo(
      &uv_, &lookup->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const std::unique_ptr<Lookup> done(static_cast<Lookup*>(request->data));
        done->service->Resolved(done->address, status, found);
        uv_freeaddrinfo(found);
      },
      dialing.address.host.c_str(), port.c_str(), &hints);
  if (error != 0) {
    dialing.resolving = false;
    delete lookup;
  }
}

void ReplicationService::Resolved(const NodeAddress& address, int status, const addrinfo* found) {
  Dialing* const dialing = DialingOf(address);
  if (dialing == nullptr || stop_) return;
  dialing->resolving = false;
  if (status != 0) {
    if (dialing->told != uv_strerror(status)) {
      dialing->told = uv_strerror(status);
      LogWarning("Replication: no link with {}: {}", address.Text(), dialing->told);
    }
    return;
  }
  sockaddr_storage resolved{};
  std::memcpy(&resolved, found->ai_addr, found->ai_addrlen);
  auto* link = ReplicationLink::Dial(&uv_, *this, address, resolved, Requests());
  if (link != nullptr) links_.push_back(link);
}

LinkHello ReplicationService::Hello() const {
  const Config config = options_.config();
  const int64_t port =
      config.replica_announce_port > 0 ? config.replica_announce_port : config.port;
  return {.writes = config.holdfast_format,
          .node = log_.node(),
          .announced = {.host = config.replica_announce_ip, .port = port}};
}

std::deque<std::string> ReplicationService::Requests() const {
  const Config config = options_.config();
  std::deque<std::string> requests;
  if (!config.masterauth.empty()) {
    std::vector<std::string> words{"AUTH", config.masterauth};
    if (!config.masteruser.empty()) words.insert(words.begin() + 1, config.masteruser);
    requests.push_back(Command(words));
  }
  requests.push_back(Command(EncodeLinkRequest(Hello())));
  return requests;
}

}  // namespace holdfast
