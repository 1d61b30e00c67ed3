#include "bench/socket.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/request_template.h"

namespace holdfast::bench {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;

// Linux bounds connect() by the send timeout: a silent host costs two seconds, not minutes.
void BoundWaits(int fd, int receive_s) {
  const timeval send{.tv_sec = 2, .tv_usec = 0};
  const timeval receive{.tv_sec = receive_s, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof send);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof receive);
}

Status ConnectUnix(const std::string& path, Descriptor& out) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return Status::Invalid("socket path too long: " + path);
  std::memcpy(name.sun_path, path.data(), path.size());
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.open()) return Status::FromErrno("socket", errno);
  BoundWaits(fd.get(), 30);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return Status::FromErrno("connect to " + path, errno);
  }
  out = std::move(fd);
  return Status::Ok();
}

Status ConnectTcp(const Address& address, Descriptor& out) {
  const std::string name = address.host + ":" + std::to_string(address.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) return Status::Io(name + ": " + gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  Status status = Status::Io(name + ": no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Descriptor fd(socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
    if (!fd.open()) continue;
    BoundWaits(fd.get(), 30);
    if (connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) {
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      out = std::move(fd);
      return Status::Ok();
    }
    status = Status::FromErrno("connect to " + name, errno);
  }
  return status;
}

Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Status::FromErrno("send", errno);
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return Status::Ok();
}

// One request and its answer, which may be an error.
Status Ask(int fd, std::span<const std::string> words, std::string& answer) {
  std::string request;
  AppendCommand(request, words);
  if (Status status = SendAll(fd, request); !status.ok()) return status;
  answer.clear();
  while (ReplyLength(answer).state == ReplyRead::State::kNeedMore) {
    char byte = 0;  // byte by byte: what follows the answer must stay in the socket
    if (recv(fd, &byte, 1, 0) != 1) return Status::Io("no answer to " + words.front());
    answer += byte;
  }
  return Status::Ok();
}

Status LogIn(int fd, const std::string& password) {
  const std::string words[] = {"AUTH", password};
  std::string answer;
  if (Status status = Ask(fd, words, answer); !status.ok()) return status;
  if (!answer.starts_with('+'))
    return Status::Invalid("AUTH: " + answer.substr(0, answer.find('\r')));
  return Status::Ok();
}

Status CheckLeads(int fd) {
  const std::string words[] = {"ROLE"};
  std::string answer;
  if (Status status = Ask(fd, words, answer); !status.ok()) return status;
  const bool leads = answer.find("master") != std::string::npos;
  return leads ? Status::Ok() : Status::Busy("it does not lead");
}

Status ConnectTo(const Address& address, Descriptor& out) {
  Status status =
      address.socket.empty() ? ConnectTcp(address, out) : ConnectUnix(address.socket, out);
  if (status.ok() && !address.password.empty()) status = LogIn(out.get(), address.password);
  if (status.ok() && !address.or_ports.empty()) status = CheckLeads(out.get());
  if (!status.ok()) out.Close();
  return status;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Descriptor::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Status Connect(const Address& address, Descriptor& out) {
  Status status = ConnectTo(address, out);
  Address other = address;
  for (const uint16_t port : address.or_ports) {
    if (status.ok()) break;
    other.port = port;
    status = ConnectTo(other, out);
  }
  return status;
}

Status Client::Call(std::span<const std::string> words, RespValue& reply) {
  AppendCommand(out_, words);
  if (Status status = Send(); !status.ok()) return status;
  return Next(reply);
}

Status Client::CallGood(std::span<const std::string> words, RespValue& reply) {
  if (Status status = Call(words, reply); !status.ok()) return status;
  if (reply.root().type == RespType::kError) {
    return Status::Invalid(words.front() + ": " + std::string(reply.root().text));
  }
  return Status::Ok();
}

Status Client::Send() {
  Status status = SendAll(socket_.get(), out_);
  out_.clear();
  return status;
}

Status Client::Next(RespValue& reply) {
  while (true) {
    const ReplyRead read = reply.Read(std::string_view(in_).substr(taken_));
    if (read.state == ReplyRead::State::kComplete) {
      taken_ += read.bytes;
      return Status::Ok();
    }
    if (read.state == ReplyRead::State::kMalformed) {
      return Status::Damaged("malformed reply: " + std::string(read.problem));
    }
    in_.erase(0, std::exchange(taken_, 0));
    const size_t old = in_.size();
    in_.resize(old + kReadBytes);
    const ssize_t got = recv(socket_.get(), in_.data() + old, kReadBytes, 0);
    in_.resize(old + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got == 0) return Status::Io("the server closed the connection");
    if (got < 0 && errno != EINTR) return Status::FromErrno("receive", errno);
  }
}

Status Wire::Open(const Address& address) {
  Close();
  if (Status status = Connect(address, socket_); !status.ok()) return status;
  if (fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) return Status::FromErrno("fcntl", errno);
  return Status::Ok();
}

void Wire::Close() {
  socket_.Close();
  out_.clear();
  sent_ = begin_ = end_ = 0;
}

Wire::Result Wire::Flush() {
  while (sent_ < out_.size()) {
    const ssize_t sent =
        send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (sent >= 0) {
      sent_ += static_cast<size_t>(sent);
    } else if (errno == EAGAIN) {
      return Result::kBlocked;
    } else if (errno != EINTR) {
      return Result::kClosed;
    }
  }
  out_.clear();
  sent_ = 0;
  return Result::kOk;
}

Wire::Result Wire::Fill() {
  if (begin_ > 0) {  // what is left is part of one reply: rarely more than a few bytes
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (in_.size() - end_ < kReadBytes / 4) in_.resize(in_.size() + kReadBytes);
  while (true) {
    const ssize_t got = recv(socket_.get(), in_.data() + end_, in_.size() - end_, 0);
    if (got > 0) {
      end_ += static_cast<size_t>(got);
      return Result::kOk;
    }
    if (got == 0) return Result::kClosed;
    if (errno == EAGAIN) return Result::kBlocked;
    if (errno != EINTR) return Result::kClosed;
  }
}

}  // namespace holdfast::bench
