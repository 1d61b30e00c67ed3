// The sockets that a server listens on, bound before the loops start, so that every mistake (a port
// in use, an address that is not ours) stops the start with one clear line.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

// A bound, not yet listening socket for each shard (TCP: SO_REUSEPORT spreads connections; unix:
// the same one).
struct BoundSocket {
  std::vector<int> descriptors;
  bool unix_socket;
  std::string name;  // "127.0.0.1:6379"
};

class Sockets {
 public:
  Sockets() = default;
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  // SO_REUSEPORT would let a second server in beside the first. So: one server a port, held by an
  // abstract unix socket that the kernel gives to one process and takes back when it ends; and a
  // probe that binds without the flag, for servers of other kinds. kBusy names the port.
  Status Bind(const Config& config);

  // The caller takes the descriptors over.
  std::vector<BoundSocket> Release();

 private:
  Status HoldPort(int64_t port);
  Status BindAddress(const std::string& address, const Config& config);
  Status BindUnix(const Config& config);

  std::vector<BoundSocket> bound_;
  int port_holder_ = -1;
  std::string unix_path_;  // removed at the end
};

}  // namespace holdfast
