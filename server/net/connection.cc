#include "server/net/connection.h"

#include <array>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>

#include "protocol/words.h"
#include "server/command_table.h"
#include "server/net/event_loop.h"
#include "server/net/read_ahead.h"
#include "server/server_log.h"
#include "server/shard/router.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// Beyond these a connection is not read until its client takes its replies, or the other shards
// answer.
constexpr size_t kUnsentBytesMax = size_t{256} * 1024;

constexpr size_t kReadBytesMin = size_t{16} * 1024;

constexpr std::string_view kMaxClients = "-ERR max number of clients reached\r\n";
constexpr std::string_view kDenied =
    "-DENIED Holdfast runs in protected mode: no password is set and only connections from this "
    "host are "
    "accepted. Set requirepass, or start with --protected-mode no.\r\n";

// "127.0.0.1:6379", "[::1]:6379".
std::string AddressText(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    uv_ip6_name(&v6, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  uv_ip4_name(&v4, text.data(), text.size());
  return std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
}

bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
}

// Browsers can be made to send a POST to a local port: no RESP client ever says this.
bool IsHttp(std::string_view word) {
  return EqualsIgnoreCase(word, "POST") || EqualsIgnoreCase(word, "Host:");
}

// For CLIENT PAUSE, which counts PUBLISH. EXEC does if anything that it would run does.
bool Writes(const Client& client, const CommandSpec& command) {
  if (command.home != Home::kTransaction)
    return (command.flags & kWrite) != 0 || command.home == Home::kSubscribers;
  const Transaction* const queued = client.transaction.get();
  return queued != nullptr && (queued->publishes || (queued->flags_of_any & kWrite) != 0);
}

ParserLimits LimitsOf(const Client& client, const Config& config) {
  if (!client.authenticated && !config.requirepass.empty()) return kUnauthenticatedLimits;
  return {.word_bytes_max = static_cast<size_t>(config.proto_max_bulk_len),
          .request_bytes_max = static_cast<size_t>(config.group_bytes_max)};
}

}  // namespace

Connection::Connection(EventLoop& loop, bool unix_socket)
    : unix_socket_(unix_socket), loop_(loop), handle_() {
  client_.sink = this;
  const int error = unix_socket ? uv_pipe_init(loop.uv(), &handle_.pipe, 0)
                                : uv_tcp_init(loop.uv(), &handle_.tcp);
  Invariant(error == 0);
  stream()->data = this;
}

void Connection::Accept(EventLoop& loop, uv_stream_t* listener) {
  auto* connection = new Connection(loop, listener->type == UV_NAMED_PIPE);
  loop.Add(*connection);
  if (uv_accept(listener, connection->stream()) != 0) {
    return connection->Close();
  }
  if (connection->Introduce()) connection->UpdateReading();
}

// Who is this, and may it come in?
bool Connection::Introduce() {
  Router& router = loop_.router();
  ServerState& server = router.shard().server();
  const Config& config = router.shard().config();
  uv_fileno(reinterpret_cast<uv_handle_t*>(stream()), &client_.descriptor);
  client_.id = ++server.last_client_id;
  client_.connected_at = client_.last_seen = router.shard().now();
  client_.authenticated = config.requirepass.empty();

  client_.local = true;
  client_.unix_socket = unix_socket_;
  if (unix_socket_) {
    client_.address = config.unixsocket + ":0";
  } else {
    sockaddr_storage peer{};
    int size = sizeof peer;
    uv_tcp_getpeername(&handle_.tcp, reinterpret_cast<sockaddr*>(&peer), &size);
    client_.address = AddressText(peer);
    client_.local = IsLoopback(peer);
    uv_tcp_nodelay(&handle_.tcp, 1);
    if (config.tcp_keepalive.count() > 0) {
      uv_tcp_keepalive(&handle_.tcp, 1, static_cast<unsigned>(config.tcp_keepalive.count()));
    }
  }
  if (!client_.local && config.protected_mode && config.requirepass.empty()) {
    Refuse(kDenied);
    return false;
  }
  if (server.Sum(&ShardMetrics::clients) >= static_cast<uint64_t>(config.maxclients)) {
    Refuse(kMaxClients);
    return false;
  }
  router.shard().metrics().connections_received.Add();
  router.Add(client_);
  return true;
}

void Connection::Refuse(std::string_view reply) {
  uv_buf_t buffer =
      uv_buf_init(const_cast<char*>(reply.data()), static_cast<unsigned>(reply.size()));
  uv_try_write(stream(), &buffer, 1);
  loop_.router().shard().metrics().connections_rejected.Add();
  Close();
}

void Connection::Close() {
  if (closing_) return;
  closing_ = true;
  stopped_ = true;
  loop_.router().Remove(client_);
  loop_.Remove(*this);
  uv_close(reinterpret_cast<uv_handle_t*>(stream()),
           [](uv_handle_t* handle) { delete static_cast<Connection*>(handle->data); });
}

// ---- in

bool Connection::HasRoom() const {
  return client_.replies.bytes() + UnsentBytes() < kUnsentBytesMax &&
         client_.replies.MayAwaitMore();
}

void Connection::UpdateReading() {
  const bool wanted = !stopped_ && !ended_ && !loop_.held() && !client_.blocked() && HasRoom();
  if (wanted == reading_) return;
  reading_ = wanted;
  if (!wanted) {
    uv_read_stop(stream());
    return;
  }
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        auto* self = static_cast<Connection*>(handle->data);
        if (self->pending_.empty()) {
          *buffer = self->loop_.ReadRoom();
        } else {
          const auto room = self->pending_.MakeRoom(kReadBytesMin);
          *buffer = uv_buf_init(room.at, static_cast<unsigned>(room.bytes));
        }
      },
      [](uv_stream_t* stream, ssize_t bytes, const uv_buf_t* buffer) {
        static_cast<Connection*>(stream->data)->OnRead(bytes, buffer);
      });
}

void Connection::OnRead(ssize_t bytes, const uv_buf_t* buffer) {
  if (bytes == 0) return;
  if (bytes < 0 && bytes != UV_EOF) return Close();
  loop_.BeginWork();
  if (bytes == UV_EOF) {
    ended_ = true;
    UpdateReading();
    return CloseIfDone();
  }
  loop_.router().shard().metrics().net_input_bytes.Add(static_cast<uint64_t>(bytes));
  if (!loop_.InReadBuffer(buffer->base)) {
    pending_.Filled(static_cast<size_t>(bytes));
    return ConsumeInput({});
  }
  const std::string_view fresh(buffer->base, static_cast<size_t>(bytes));
  if (!gathered && fresh.size() <= EventLoop::kGatheredBytesMax) return loop_.Gather(*this, fresh);
  if (gathered) {  // a poll of many comes back for more
    loop_.ExecuteGathered();
    if (closing_) return;
  }
  if (pending_.empty()) return ConsumeInput(fresh);
  pending_.Append(fresh);
  ConsumeInput({});
}

Router::Ahead Connection::ReadRequests(std::string_view input, ReadAhead& ahead) {
  Router& router = loop_.router();
  ahead.Read(router, parser_, input, LimitsOf(client_, router.shard().config()));
  return {.client = &client_, .requests = ahead.requests()};
}

void Connection::ExecuteGathered(std::string_view input, ReadAhead& ahead) {
  gathered = false;
  ConsumeInput(input, &ahead);
}

// `fresh` came into the loop's shared buffer, and its first requests may be in `ahead` by now: what
// is not executed here moves to pending_.
void Connection::ConsumeInput(std::string_view fresh, ReadAhead* ahead) {
  Invariant(fresh.empty() || pending_.empty());
  if (pending_.empty()) {
    fresh.remove_prefix(ExecuteAll(fresh, ahead));
    if (!fresh.empty() && !stopped_) pending_.Append(fresh);
  } else {
    pending_.Consume(ExecuteAll(pending_.view(), nullptr));
  }
  client_.query_bytes = pending_.size();
  if (client_.query_bytes >
      static_cast<size_t>(loop_.router().shard().config().client_query_buffer_limit)) {
    LogWarning("Closing client {}: its request exceeds client-query-buffer-limit", client_.address);
    return Close();
  }
  if (client_.close_after_replies) stopped_ = true;
  UpdateReading();
  CloseIfDone();
}

bool Connection::MayExecute() const {
  return !stopped_ && !loop_.held() && !client_.blocked() && HasRoom();
}

// Executes whole requests while it may; returns how many bytes they took. `ahead`: where the first
// ones are read and looked ahead at; null if they are not.
size_t Connection::ExecuteAll(std::string_view input, ReadAhead* ahead) {
  loop_.StartExecuting(*this);
  size_t done = 0;
  bool goes_on = true;
  while (goes_on && done < input.size() && MayExecute()) {
    if (ahead == nullptr) {
      ahead = &loop_.read_ahead();
      const Router::Ahead all = ReadRequests(input.substr(done), *ahead);
      loop_.router().Prefetch({&all, 1});
    }
    const bool malformed = ahead->end() == RespParser::State::kMalformed;
    if (ahead->requests().empty()) {
      if (malformed) Fail(parser_.error());
      break;
    }
    for (size_t i = 0; i < ahead->requests().size() && goes_on; ++i) {
      goes_on = MayExecute() && ExecuteOne(ahead->requests()[i]);
      if (goes_on) done += ahead->bytes(i);
    }
    // Where one is held back, those behind it are read again when their turn comes; and what stands
    // before a malformed request may have changed the limits.
    if (!goes_on || malformed) parser_.Rewind();
    ahead = nullptr;
  }
  // Read, but it may not run any more.
  if (ahead != nullptr && !ahead->requests().empty()) parser_.Rewind();
  loop_.EndExecuting();
  return done;
}

// False: it was not executed, and must be read again.
bool Connection::ExecuteOne(const Request& request) {
  if (request.words.empty()) return true;
  if (Postpone(request)) return false;
  if (IsHttp(request.words[0])) {
    LogWarning("Possible attack: {} speaks HTTP to the RESP port; connection closed",
               client_.address);
    Close();
    return false;
  }
  loop_.router().Execute(client_, request);
  return true;
}

// CLIENT PAUSE: whether this request, and so all behind it, must wait.
bool Connection::Postpone(const Request& request) {
  const Shard& shard = loop_.router().shard();
  const PauseKind paused = shard.server().pause.At(shard.now());
  if (paused == PauseKind::kNone) [[likely]]
    return false;
  if (paused == PauseKind::kWrites &&
      (request.command == nullptr || !Writes(client_, *request.command)))
    return false;
  client_.postponed = true;
  loop_.NotePostponed(paused);
  return true;
}

std::string Connection::LocalAddress() const {
  if (unix_socket_) return client_.address;
  sockaddr_storage own{};
  int size = sizeof own;
  uv_tcp_getsockname(&handle_.tcp, reinterpret_cast<sockaddr*>(&own), &size);
  return AddressText(own);
}

int Connection::OnDetach() {
  const int descriptor = unix_socket_ ? -1 : fcntl(client_.descriptor, F_DUPFD_CLOEXEC, 0);
  if (descriptor >= 0) client_.close_after_replies = true;
  return descriptor;
}

void Connection::EndPostponed() {
  if (!client_.postponed) return;
  client_.postponed = false;
  loop_.ResumeLater(*this);
}

void Connection::Fail(std::string_view protocol_error) {
  Router& router = loop_.router();
  router.shard().metrics().protocol_errors.Add();
  LogVerbose("Protocol error from {}: {}", client_.address, protocol_error);
  router.ReplyError(client_, "ERR " + std::string(protocol_error));
  client_.close_after_replies = true;
}

void Connection::OnResume() {
  // Within a request of our own the loop in ExecuteAll goes on by itself.
  if (closing_ || loop_.executing() == this) return;
  if (loop_.executing() != nullptr) return loop_.ResumeLater(*this);
  ConsumeInput({});
}

void Connection::StopReading() {
  ended_ = true;
  UpdateReading();
}

void Connection::Hold() { UpdateReading(); }

void Connection::Unhold() { pending_.empty() ? UpdateReading() : OnResume(); }

// ---- out

void Connection::OnReplies() {
  if (closing_) return;
  Flush();
  if (closing_) return;
  if (CloseIfOverLimit()) return;
  if (!reading_ && !stopped_ && !pending_.empty()) return loop_.ResumeLater(*this);
  UpdateReading();
  CloseIfDone();
}

// What is on its way counts as taken: one reply may be as large as a value.
bool Connection::CloseIfOverLimit() {
  const int64_t limit = HardLimitOf(loop_.router().shard().config(), client_);
  const bool is_over = client_.overflowed || client_.replies.bytes() > static_cast<size_t>(limit);
  return is_over ? CloseAsSlow() : CloseIfOverSoftLimit();
}

bool Connection::CloseIfOverSoftLimit() {
  const Shard& shard = loop_.router().shard();
  const OutputLimit& limit = shard.config().output_limits[OutputClassOf(client_)];
  const bool is_over = soft_limit_.IsOver(limit, client_.replies.bytes(), shard.now());
  return is_over && CloseAsSlow();
}

bool Connection::CloseAsSlow() {
  LogWarning("Closing client {}: it does not read its replies ({})", client_.address,
             client_.subscriptions != nullptr ? "client-output-buffer-limit pubsub"
                                              : "client-buffer-limit");
  Close();
  return true;
}

// Nothing more will be asked and nothing more is owed. (What is left in pending_ when nothing holds
// it back is the beginning of a request whose end will not come.)
void Connection::CloseIfDone() {
  if (loop_.executing() == this) return;  // what it has read is not all executed
  if (!ended_ && !client_.close_after_replies) return;
  if (client_.postponed) return;
  if (drained() && (pending_.empty() || !loop_.held())) Close();
}

// The only way out. What was answered in this turn leaves behind its push (a write that ends in the
// middle of a turn comes here, too), and nothing that tells of data leaves without a lease.
void Connection::Flush() {
  if (unsent_ || client_.dirty || client_.replies.ready().empty()) return;
  if (client_.tells_data && !loop_.MayAnswer()) return loop_.NoteWithheld();
  ShardMetrics& metrics = loop_.router().shard().metrics();
  const std::string_view ready = client_.replies.ready();
  // Not uv_buf_init: its length is 32 bits.
  uv_buf_t buffer{.base = const_cast<char*>(ready.data()), .len = ready.size()};
  const int sent = uv_try_write(stream(), &buffer, 1);
  if (sent < 0 && sent != UV_EAGAIN) return Close();
  if (sent > 0) {
    metrics.net_output_bytes.Add(static_cast<uint64_t>(sent));
    client_.replies.Consume(static_cast<size_t>(sent));
  }
  const std::string_view left = client_.replies.ready();
  if (client_.replies.empty()) client_.tells_data = false;
  if (left.empty()) return;
  // The socket is full: the rest leaves when it has room, from a place that stays put.
  unsent_ = std::make_unique<Unsent>();
  unsent_->bytes = left;
  unsent_->write.data = this;
  client_.replies.Consume(left.size());
  metrics.net_output_bytes.Add(UnsentBytes());
  buffer = {.base = unsent_->bytes.data(), .len = UnsentBytes()};
  uv_write_t* const request = &unsent_->write;
  const int error = uv_write(request, stream(), &buffer, 1, [](uv_write_t* write, int status) {
    auto* self = static_cast<Connection*>(write->data);
    self->unsent_.reset();
    if (status != 0) return self->Close();
    self->loop_.BeginWork();
    self->OnReplies();
  });
  if (error != 0) Close();
}

}  // namespace holdfast
