#include "server/net/replication_link.h"

#include <algorithm>
#include <utility>

#include "server/replication/steady_uptime.h"
#include "storage/base/hex.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

constexpr size_t kReadBytes = size_t{256} * 1024;
constexpr size_t kAnswersMax = 1024;

}  // namespace

ReplicationLink::ReplicationLink(uv_loop_t* loop, Owner& owner)
    : owner_(owner), heard_(SteadyUptime()), read_buffer_(kReadBytes, '\0') {
  const int error = uv_tcp_init(loop, &tcp_);
  Invariant(error == 0);
  tcp_.data = connect_.data = write_.data = this;
}

ReplicationLink* ReplicationLink::Accept(uv_loop_t* loop, Owner& owner, int descriptor,
                                         const LinkHello& hello) {
  auto* link = new ReplicationLink(loop, owner);
  link->node_ = hello.node;
  link->announced_ = hello.announced;
  link->out_ = EncodeLinkAnswer(owner.Hello()) + "\r\n";
  if (const int error = uv_tcp_open(&link->tcp_, descriptor); error != 0) {
    link->Close(uv_strerror(error));
    return nullptr;
  }
  uv_tcp_nodelay(&link->tcp_, 1);
  link->state_ = State::kUp;
  owner.OnUp(*link);
  link->Read();
  link->Flush();
  return link;
}

ReplicationLink* ReplicationLink::Dial(uv_loop_t* loop, Owner& owner, const NodeAddress& address,
                                       const sockaddr_storage& resolved,
                                       std::deque<std::string> requests) {
  auto* link = new ReplicationLink(loop, owner);
  link->dialed_ = address;
  link->requests_ = std::move(requests);
  const int error =
      uv_tcp_connect(&link->connect_, &link->tcp_, reinterpret_cast<const sockaddr*>(&resolved),
                     [](uv_connect_t* connect, int status) {
                       static_cast<ReplicationLink*>(connect->data)->OnConnected(status);
                     });
  if (error == 0) return link;
  link->Close(uv_strerror(error));
  return nullptr;
}

void ReplicationLink::OnConnected(int status) {
  if (state_ == State::kClosed) return;
  if (status != 0) return Close(uv_strerror(status));
  uv_tcp_nodelay(&tcp_, 1);
  state_ = State::kAsking;
  Read();
  AskNext();
}

void ReplicationLink::AskNext() {
  out_ += requests_.front();
  requests_.pop_front();
  Flush();
}

void ReplicationLink::Read() {
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        auto* self = static_cast<ReplicationLink*>(handle->data);
        *buffer = uv_buf_init(self->read_buffer_.data(), kReadBytes);
      },
      [](uv_stream_t* stream, ssize_t bytes, const uv_buf_t* buffer) {
        static_cast<ReplicationLink*>(stream->data)->OnRead(bytes, buffer);
      });
}

void ReplicationLink::OnRead(ssize_t bytes, const uv_buf_t* buffer) {
  if (bytes == 0 || state_ == State::kClosed) return;
  if (bytes < 0) return Close(uv_strerror(static_cast<int>(bytes)));
  heard_ = SteadyUptime();
  std::string_view fresh(buffer->base, static_cast<size_t>(bytes));
  Status status;
  if (state_ == State::kAsking) status = TakeAnswers(fresh);
  if (status.ok() && state_ == State::kUp) {
    frames_.Add(fresh);
    std::string_view frame;
    for (status = frames_.Next(frame); status.ok() && !frame.empty();
         status = frames_.Next(frame)) {
      status = owner_.OnFrame(*this, frame);
      if (!status.ok() || state_ == State::kClosed) break;
    }
  }
  if (!status.ok()) Close(status.text());
  owner_.OnFrames();
}

// The answers to what was asked, line by line; the last is the link's, and what follows is frames.
Status ReplicationLink::TakeAnswers(std::string_view& fresh) {
  while (state_ == State::kAsking) {
    const size_t end = fresh.find('\n');
    answers_.append(fresh.substr(0, end == std::string_view::npos ? end : end + 1));
    fresh.remove_prefix(end == std::string_view::npos ? fresh.size() : end + 1);
    if (answers_.size() > kAnswersMax) return Status::Damaged("no node answers there");
    if (end == std::string_view::npos) return Status::Ok();
    const std::string line = std::exchange(answers_, {});
    if (line.size() < 2 || line[line.size() - 2] != '\r') {
      return Status::Damaged("no node answers there");
    }
    if (Status status = TakeAnswer(std::string_view(line).substr(0, line.size() - 2));
        !status.ok()) {
      return status;
    }
  }
  return Status::Ok();
}

Status ReplicationLink::TakeAnswer(std::string_view line) {
  if (line == "+OK" && !requests_.empty()) {
    AskNext();
    return Status::Ok();
  }
  if (line.starts_with('-')) return Status::Invalid("it answers: " + std::string(line.substr(1)));
  LinkHello hello;
  if (Status status = DecodeLinkAnswer(line, hello); !status.ok()) return status;
  if (Status status = CanLink(owner_.Hello(), hello); !status.ok()) return status;
  node_ = hello.node;
  state_ = State::kUp;
  owner_.OnUp(*this);
  return Status::Ok();
}

void ReplicationLink::Flush() {
  if (state_ == State::kClosed || state_ == State::kConnecting) return;
  if (!sending_.empty() || out_.empty()) return;
  sending_ = std::exchange(out_, {});
  uv_buf_t buffer{.base = sending_.data(), .len = sending_.size()};
  const int error = uv_write(&write_, stream(), &buffer, 1, [](uv_write_t* write, int status) {
    auto* self = static_cast<ReplicationLink*>(write->data);
    self->sending_ = {};
    if (self->state_ == State::kClosed) return;
    if (status != 0) return self->Close(uv_strerror(status));
    self->Flush();
    self->owner_.OnFrames();  // there is room again
  });
  if (error != 0) Close(uv_strerror(error));
}

void ReplicationLink::Close(const std::string& why) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  owner_.OnClosed(*this, why);
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_),
           [](uv_handle_t* handle) { delete static_cast<ReplicationLink*>(handle->data); });
}

}  // namespace holdfast
