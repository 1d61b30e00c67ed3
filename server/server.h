// The server put together: log, shards, loops. What main() does, in order; tests start it the same
// way.
#pragma once

#include <memory>

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

class Server {
 public:
  Server();
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Locks the data directory, binds the port, opens the log, begins to load what it holds and
  // listens. Not ok: no batch was changed on disk, and the text is one line for the operator.
  Status Open(const StartRequest& request);

  // Answers LOADING until everything is loaded, then serves until SIGTERM or SIGINT; then drains,
  // syncs, and returns. Not ok also if loading failed: then as Open.
  Status Run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
