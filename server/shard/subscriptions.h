// Who listens to a channel, or to every channel that a pattern matches, and what one client listens
// to. Each name is kept once for a shard, however many of its clients listen (server/shard/
// channels.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "protocol/glob.h"

namespace holdfast {

struct Client;

struct Audience {
  std::string name;
  std::unique_ptr<GlobPattern> pattern;  // null: the name is a channel's
  absl::flat_hash_set<Client*> clients;

  // What a subscription to it may cost: the whole, for whoever is the only one.
  size_t bytes() const;
};

struct Subscriptions {
  // Each with the number of the subscription: whoever leaves all of them leaves them in order.
  using Numbered = absl::flat_hash_map<Audience*, uint64_t>;
  Numbered channels;
  Numbered patterns;
  uint64_t last_number = 0;
  size_t bytes = 0;

  size_t count() const { return channels.size() + patterns.size(); }
};

}  // namespace holdfast
