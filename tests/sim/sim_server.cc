#include "tests/sim/sim_server.h"

#include <utility>

namespace holdfast {

// Stands before the log: shows what is pushed, and lies if it is told to.
class SimServer::WatchedLog final : public Log {
 public:
  WatchedLog(MemoryLog& log, const SimSetup& setup) : log_(log), setup_(setup) {}
  Index Push(const Batch& batch) override {
    const Index index = log_.Push(batch);
    if (setup_.on_push) setup_.on_push(index, batch.mutations);
    return index;
  }
  Index LastPushed() const override { return log_.LastPushed(); }
  Index Durable() const override { return setup_.lies.log ? log_.LastPushed() : log_.Durable(); }
  void RequestSync(Index index) override { log_.RequestSync(index); }
  bool Keeps() const override { return true; }
  bool Congested() const override { return log_.Congested(); }
  void AddWaker(Waker* waker) override { log_.AddWaker(waker); }
  Status Flush() override { return log_.Flush(); }

 private:
  MemoryLog& log_;
  const SimSetup& setup_;
};

SimDisk::SimDisk(std::mt19937_64& random) {
  log.history.id.bytes[0] = 'h';
  log.history.hash_seed.value = random();
}

Config WithoutGrace() {
  Config config;
  config.restart_grace = std::chrono::seconds(0);
  return config;
}

SimServer::SimServer(int shards, std::mt19937_64& random, const SimDisk& disk, UnixMs now,
                     const SimSetup& setup)
    : random_(random),
      setup_(setup),
      disk_(disk),
      log_({.history = disk.log.history,
            .fatal = [this](const Status& status) { fatal_ = status.text(); }},
           disk.log),
      watched_(std::make_unique<WatchedLog>(log_, setup_)) {
  cluster_ =
      std::make_unique<Cluster>(shards, *watched_, disk.log.history.hash_seed, setup_.config, now);
  cluster_->state().snapshots = &snapshots_;
}

SimServer::~SimServer() = default;

std::optional<std::string> SimServer::Recover() {
  for (const std::string& row : disk_.snapshot.rows) {
    if (!cluster_->Load(row)) return "a row of the snapshot cannot be loaded";
  }
  cluster_->FinishLoad();
  Replayed replayed;
  const Status status = log_.Replay(
      disk_.snapshot.cuts,
      [&](Index, std::string_view mutations) {
        return cluster_->Replay(mutations) ? Status::Ok() : Status::Damaged("cannot apply");
      },
      replayed);
  // The witness of a lying log proves a loss that the oracle is to find: it counts as found.
  if (!status.ok()) return "recovery: " + status.text();
  const Status audited = cluster_->FinishRecovery();
  if (!audited.ok()) return "recovery: " + audited.text();
  replayed_ = replayed.last;
  if (replayed_ > 0 && setup_.config.restart_grace.count() > 0)
    cluster_->state().grace_until_ms = ServerState::kGraceArmed;
  return std::nullopt;
}

SimDisk SimServer::Crash() {
  SimDisk left = disk_;
  if (Below(3) == 0) {
    left.log = log_.Kill();
  } else {
    const size_t unsynced = log_.UnsyncedBytes();
    left.log = log_.LosePower(unsynced == 0 ? 0 : static_cast<size_t>(random_()) % (unsynced + 1));
  }
  return left;
}

void SimServer::PassTime(int ms_max) {
  if (Below(8) == 0) snapshots_.Request();
  if (Below(200) == 0) snapshots_.Abandon();
  snapshots_.has_room = Below(4) != 0;
  snapshots_.Finish(setup_.lies.snapshot ? UINT64_MAX : log_.Durable(), disk_.snapshot);
  cluster_->Advance(DurationMs(Below(ms_max)));
  cluster_->Work(Below(shards()));
}

void SimServer::TurnEveryWheel() {
  for (int shard = 0; shard < shards(); ++shard) {
    for (int from = 0; from < shards(); ++from) cluster_->Deliver(from, shard);
    cluster_->Work(shard);
    cluster_->EndTurn(shard);
  }
  while (log_.Step()) {
  }
  log_.Sync();
  for (int shard = 0; shard < shards(); ++shard) cluster_->Wake(shard);
}

void SimServer::LetPeersBeQuick(std::function<void()> hear) {
  cluster_->on_letter = [this, hear = std::move(hear)](int from, int to) {
    if (peer_runs_ || Below(4) != 0) return;
    peer_runs_ = true;
    while (cluster_->Deliver(from, to)) {
    }
    cluster_->EndTurn(to);
    hear();
    peer_runs_ = false;
  };
}

}  // namespace holdfast
