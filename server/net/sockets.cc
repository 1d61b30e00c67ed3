#include "server/net/sockets.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace holdfast {
namespace {

// An address of a `bind` line: "-" in front means that its absence is no mistake; "*" is all
// addresses.
struct BindTarget {
  std::string host;
  bool optional;
};

BindTarget ParseTarget(std::string_view word) {
  const bool optional = word.starts_with('-');
  if (optional) word.remove_prefix(1);
  if (word == "*") return {"0.0.0.0", optional};
  if (word == "::*") return {"::", optional};
  return {std::string(word), optional};
}

Status PortInUse(const std::string& name) {
  return Status::Busy("port " + name +
                      " is in use: stop the other server, or choose another with --port");
}

int OpenSocket(const addrinfo& address, bool share) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (share) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (address.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace

Sockets::~Sockets() {
  for (const BoundSocket& socket : bound_) {
    for (const int fd : socket.descriptors) close(fd);
  }
  if (port_holder_ >= 0) close(port_holder_);
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
}

std::vector<BoundSocket> Sockets::Release() { return std::exchange(bound_, {}); }

Status Sockets::Bind(const Config& config) {
  if (config.port != 0) {
    if (Status held = HoldPort(config.port); !held.ok()) return held;
    for (const std::string& address : config.bind) {
      if (Status bound = BindAddress(address, config); !bound.ok()) return bound;
    }
    if (bound_.empty()) {
      return Status::Invalid(
          "none of the addresses of 'bind' is one of this host's: name one that is");
    }
  }
  if (!config.unixsocket.empty()) {
    if (Status bound = BindUnix(config); !bound.ok()) return bound;
  }
  if (bound_.empty()) return Status::Invalid("nothing to listen on: set port or unixsocket");
  return Status::Ok();
}

Status Sockets::HoldPort(int64_t port) {
  // The leading zero byte makes the name abstract: no file, and one namespace with the port it
  // stands for.
  const std::string name = std::string(1, '\0') + "holdfast-port-" + std::to_string(port);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(address.sun_path, name.data(), name.size());
  port_holder_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (port_holder_ < 0) return Status::FromErrno("socket", errno);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (bind(port_holder_, reinterpret_cast<sockaddr*>(&address), size) == 0) return Status::Ok();
  return errno == EADDRINUSE ? PortInUse(std::to_string(port)) : Status::FromErrno("bind", errno);
}

Status Sockets::BindAddress(const std::string& address, const Config& config) {
  const BindTarget target = ParseTarget(address);
  const std::string port = std::to_string(config.port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(target.host.c_str(), port.c_str(), &hints, &found);
  const std::string name = target.host + ":" + port;
  if (error != 0) {
    if (target.optional) return Status::Ok();
    return Status::Invalid("bind " + name + ": " + gai_strerror(error));
  }
  Status status;
  BoundSocket bound{.descriptors = {}, .unix_socket = false, .name = name};
  const int probe = OpenSocket(*found, false);
  if (probe >= 0) close(probe);
  for (int64_t shard = 0; probe >= 0 && shard < config.shards; ++shard) {
    const int fd = OpenSocket(*found, true);
    if (fd < 0) break;
    bound.descriptors.push_back(fd);
  }
  if (static_cast<int64_t>(bound.descriptors.size()) < config.shards) {
    const int cause = errno;
    for (const int fd : bound.descriptors) close(fd);
    const bool absent = cause == EADDRNOTAVAIL || cause == EAFNOSUPPORT;
    if (cause == EADDRINUSE) {
      status = PortInUse(name);
    } else if (!target.optional || !absent) {
      status = Status::FromErrno("bind " + name, cause);
    }
  } else {
    bound_.push_back(std::move(bound));
  }
  freeaddrinfo(found);
  return status;
}

Status Sockets::BindUnix(const Config& config) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (config.unixsocket.size() >= sizeof address.sun_path) {
    return Status::Invalid("unixsocket: the path is longer than " +
                           std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, config.unixsocket.data(), config.unixsocket.size());
  // A socket left behind by a killed server is removed; anything else of that name is not ours.
  struct stat info {};
  if (lstat(config.unixsocket.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode))
      return Status::Invalid("unixsocket " + config.unixsocket + " is a file");
    unlink(config.unixsocket.c_str());
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Status::FromErrno("socket", errno);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int cause = errno;
    close(fd);
    return Status::FromErrno("bind " + config.unixsocket, cause);
  }
  unix_path_ = config.unixsocket;
  if (config.unixsocketperm != 0)
    chmod(config.unixsocket.c_str(), static_cast<mode_t>(config.unixsocketperm));
  BoundSocket bound{.descriptors = {fd}, .unix_socket = true, .name = config.unixsocket};
  while (static_cast<int64_t>(bound.descriptors.size()) < config.shards) {
    bound.descriptors.push_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  }
  bound_.push_back(std::move(bound));
  return Status::Ok();
}

}  // namespace holdfast
