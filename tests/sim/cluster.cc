#include "tests/sim/cluster.h"

#include <algorithm>
#include <utility>

namespace holdfast {

void SimClient::OnReplies() {
  const std::string_view ready = client.replies.ready();
  received += ready;
  client.replies.Consume(ready.size());
}

void Cluster::Road::Send(ShardId to, Letter& letter) {
  cluster->MailOf(from, to).push_back(std::exchange(letter, {}));
  if (cluster->on_letter) cluster->on_letter(from, to);
}

Cluster::Cluster(int shards, Log& log, HashSeed seed, const Config& config, UnixMs now)
    : state_(shards, log),
      now_(now),
      mail_(static_cast<size_t>(shards) * static_cast<size_t>(shards)) {
  for (int id = 0; id < shards; ++id) {
    shards_.push_back(std::make_unique<Shard>(static_cast<ShardId>(id), state_, seed, config));
    roads_.push_back(std::make_unique<Road>());
    roads_.back()->cluster = this;
    roads_.back()->from = id;
    routers_.push_back(std::make_unique<Router>(*shards_.back(), *roads_.back()));
  }
}

bool Cluster::Load(std::string_view row) {
  ByteReader reader(row);
  MutationView fact{};
  while (NextMutation(reader, fact)) {
    if (!shards_[state_.map.OwnerOf(fact.place.slot)]->Load(fact)) return false;
  }
  return !reader.failed();
}

void Cluster::FinishLoad() {
  for (const auto& shard : shards_) shard->FinishLoad();
}

bool Cluster::Replay(std::string_view mutations) {
  ByteReader reader(mutations);
  MutationView mutation{};
  while (NextMutation(reader, mutation)) {
    if (!shards_[state_.map.OwnerOf(mutation.place.slot)]->Replay(mutation)) return false;
  }
  return !reader.failed();
}

Status Cluster::FinishRecovery() {
  for (const auto& shard : shards_) {
    if (Status status = shard->FinishRecovery(); !status.ok()) return status;
  }
  return Status::Ok();
}

SimClient& Cluster::Connect(int shard) {
  clients_.push_back(std::make_unique<SimClient>());
  SimClient& sim = *clients_.back();
  sim.shard = shard;
  sim.client.id = ++state_.last_client_id;
  sim.client.sink = &sim;
  sim.client.authenticated = true;
  router(shard).Add(sim.client);
  return sim;
}

void Cluster::Disconnect(SimClient& client) {
  router(client.shard).Remove(client.client);
  std::erase_if(clients_, [&](const auto& owned) { return owned.get() == &client; });
}

bool Cluster::Execute(SimClient& client, const std::vector<std::string>& words) {
  if (client.client.blocked()) return false;
  shard(client.shard).NoteStanding();
  shard(client.shard).SetNow(now_);
  const std::vector<std::string_view> views(words.begin(), words.end());
  router(client.shard).Execute(client.client, views);
  return true;
}

void Cluster::EndTurn(int shard) { router(shard).EndTurn(); }

void Cluster::Work(int id) {
  shard(id).NoteStanding();
  shard(id).SetNow(now_);
  router(id).Work();
}

void Cluster::Wake(int shard) { router(shard).OnAcked(); }

bool Cluster::Deliver(int from, int to) {
  std::deque<Letter>& mail = MailOf(from, to);
  if (mail.empty()) return false;
  Letter letter = std::move(mail.front());
  mail.pop_front();
  shard(to).NoteStanding();
  shard(to).SetNow(now_);
  router(to).Deliver(std::move(letter));
  return true;
}

bool Cluster::Quiet() const {
  return std::ranges::all_of(mail_, [](const auto& road) { return road.empty(); }) &&
         std::ranges::none_of(routers_, [](const auto& router) { return router->HasWork(); });
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace holdfast
