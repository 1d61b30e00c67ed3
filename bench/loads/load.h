// A load shape: what is on the server before, and which request comes next. One file each; MakeLoad
// knows them all by name.
#pragma once

#include <memory>
#include <string>

#include "bench/arguments.h"
#include "bench/socket.h"
#include "storage/base/status.h"

namespace holdfast::bench {

class Load {
 public:
  virtual ~Load() = default;

  // Puts on the server what the requests need. Not measured.
  virtual Status Prepare(Client& client) = 0;
  // Appends the next request of this connection; called once for each reply that will come.
  virtual void AppendNext(size_t connection, std::string& out) = 0;
};

std::unique_ptr<Load> MakePingLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeSetLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeGetLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeSessionLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeHsetLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeMsetLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeMgetLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeReserveLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeConfirmLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeReleaseLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeSoldoutLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeEarlyLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeLimitLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeLifecycleLoad(const Arguments& arguments);
std::unique_ptr<Load> MakeReadsLoad(const Arguments& arguments);

// Requires: a name that ParseArguments let pass.
std::unique_ptr<Load> MakeLoad(const Arguments& arguments);

// Sends the requests that `append` makes for 0..count-1, in batches that no socket buffer is too
// small for, and wants a good answer to each.
template <typename Append>
Status SendMany(Client& client, uint64_t count, Append append) {
  constexpr uint64_t kBatch = 200;
  RespValue reply;
  for (uint64_t done = 0; done < count;) {
    const uint64_t end = done + kBatch < count ? done + kBatch : count;
    for (uint64_t i = done; i < end; ++i) append(client.out(), i);
    if (Status status = client.Send(); !status.ok()) return status;
    for (; done < end; ++done) {
      if (Status status = client.Next(reply); !status.ok()) return status;
      if (reply.root().type == RespType::kError) {
        return Status::Invalid("while preparing: " + std::string(reply.root().text));
      }
    }
  }
  return Status::Ok();
}

}  // namespace holdfast::bench
