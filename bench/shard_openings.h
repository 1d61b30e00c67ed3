// Opens a load's connections: as they come, or only such as one of Holdfast's shards serves. Which
// shard accepts a connection is the kernel's choice, and no client is told; but INFO counts the
// clients of each, so a connection is tried and its shard is the one that has one more.
#pragma once

#include <vector>

#include "bench/arguments.h"
#include "bench/socket.h"
#include "storage/base/status.h"

namespace holdfast::bench {

class ShardOpenings {
 public:
  explicit ShardOpenings(const Arguments& arguments) : arguments_(arguments) {}

  Status Open(Wire& out);
  // Lets go of those that another shard serves: kept so long, lest they be counted as they leave.
  void Done() { elsewhere_.clear(); }

 private:
  using Counts = std::vector<uint64_t>;

  Status CountClients(Counts& out);
  Status AwaitOneMore(const Counts& before, Counts& after);

  const Arguments& arguments_;
  Client client_;
  bool client_open_ = false;
  std::vector<Wire> elsewhere_;
};

}  // namespace holdfast::bench
