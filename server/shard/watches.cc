#include "server/shard/watches.h"

#include <algorithm>

namespace holdfast {
namespace {

std::string NameOf(DbIndex db, std::string_view key) {
  std::string name(1, static_cast<char>(db));
  name += key;
  return name;
}

Watches::Key KeyOf(const std::string& name) {
  return {.db = static_cast<DbIndex>(name.front()), .name = name.substr(1)};
}

}  // namespace

void Watches::Add(DbIndex db, std::string_view key, uint64_t client) {
  const std::string name = NameOf(db, key);
  std::vector<uint64_t>& watchers = watchers_[name];
  if (std::ranges::find(watchers, client) != watchers.end()) return;
  watchers.push_back(client);
  clients_[client].names.push_back(name);
}

void Watches::Remove(uint64_t client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  for (const std::string& name : found->second.names) {
    const auto watched = watchers_.find(name);
    std::erase(watched->second, client);
    if (watched->second.empty()) watchers_.erase(watched);
  }
  clients_.erase(found);
}

void Watches::Touch(DbIndex db, std::string_view key) {
  const auto watched = watchers_.find(NameOf(db, key));
  if (watched == watchers_.end()) return;
  for (const uint64_t client : watched->second) clients_[client].broken = true;
}

bool Watches::Broken(uint64_t client) const {
  const auto found = clients_.find(client);
  return found != clients_.end() && found->second.broken;
}

std::vector<Watches::Key> Watches::KeysOf(uint64_t client) const {
  std::vector<Key> keys;
  const auto found = clients_.find(client);
  if (found == clients_.end()) return keys;
  for (const std::string& name : found->second.names) keys.push_back(KeyOf(name));
  return keys;
}

}  // namespace holdfast
