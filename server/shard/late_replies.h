// LateReplies: clients of one shard who wait (Home::kLater) for what another thread does: a
// snapshot, a backup. Whoever does it wakes the shard's loop when it is done.
//
// Owner thread: the shard.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/shard/client.h"
#include "server/shard/letters.h"
#include "storage/base/slot.h"

namespace holdfast {

class Router;

class LateReplies {
 public:
  // Nothing as long as it is not done. Asked once a turn.
  using Ask = std::function<std::optional<std::string>()>;

  explicit LateReplies(Router& router) : router_(router) {}

  void Await(const Client& client, Ask ask);
  // Answers those whose wait is over.
  void Work();

 private:
  struct Waiting {
    ReturnAddress client;
    Ask ask;
  };

  Router& router_;
  std::vector<Waiting> waiting_;
};

}  // namespace holdfast
