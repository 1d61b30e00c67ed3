// Watches: which clients watch which keys of this shard, and which of them have seen a change. Kept
// where the keys are, so that a change finds its watchers without a word to another shard.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "storage/core/mutation.h"

namespace holdfast {

class Watches {
 public:
  struct Key {
    DbIndex db;
    std::string name;
  };

  bool empty() const { return watchers_.empty(); }

  void Add(DbIndex db, std::string_view key, uint64_t client);
  // Everything that the client watches here.
  void Remove(uint64_t client);

  // The key was changed: its watchers' transactions will not run.
  void Touch(DbIndex db, std::string_view key);

  // Whether a key that the client watches here was changed.
  bool Broken(uint64_t client) const;
  std::vector<Key> KeysOf(uint64_t client) const;
  // visit(db, name) for every key that anybody watches; for what changes a whole database. It may
  // Touch.
  template <typename F>
  void ForEachKey(F&& visit) const {
    for (const auto& [name, watchers] : watchers_)
      visit(static_cast<DbIndex>(name.front()), std::string_view(name).substr(1));
  }

 private:
  struct Watcher {
    std::vector<std::string> names;  // as in watchers_
    bool broken = false;
  };

  // By the key's name with the number of its database before it.
  absl::flat_hash_map<std::string, std::vector<uint64_t>> watchers_;
  absl::flat_hash_map<uint64_t, Watcher> clients_;
};

}  // namespace holdfast
