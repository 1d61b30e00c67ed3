#include "tests/sim/sim_server.h"

#include <utility>

namespace holdfast {

// The fault "ack before sync".
class SimServer::LyingLog final : public Log {
 public:
  explicit LyingLog(MemoryLog& log) : log_(log) {}
  Index Push(const Batch& batch) override { return log_.Push(batch); }
  Index LastPushed() const override { return log_.LastPushed(); }
  Index Durable() const override { return log_.LastPushed(); }
  void RequestSync(Index index) override { log_.RequestSync(index); }
  bool Keeps() const override { return true; }
  bool Congested() const override { return log_.Congested(); }
  void AddWaker(Waker* waker) override { log_.AddWaker(waker); }
  Status Flush() override { return log_.Flush(); }

 private:
  MemoryLog& log_;
};

SimDisk::SimDisk(std::mt19937_64& random) {
  log.history.id.bytes[0] = 'h';
  log.history.hash_seed.value = random();
}

SimServer::SimServer(int shards, std::mt19937_64& random, const SimDisk& disk, UnixMs now,
                     const SimLies& lies)
    : random_(random),
      lies_(lies),
      disk_(disk),
      log_({.history = disk.log.history, .fatal = [](const Status&) {}}, disk.log),
      liar_(std::make_unique<LyingLog>(log_)) {
  Config config;
  config.restart_grace = std::chrono::seconds(0);
  Log& log = lies.log ? static_cast<Log&>(*liar_) : log_;
  cluster_ = std::make_unique<Cluster>(shards, log, disk.log.history.hash_seed, config, now);
  cluster_->state().snapshots = &snapshots_;
}

SimServer::~SimServer() = default;

std::optional<std::string> SimServer::Recover() {
  for (const std::string& row : disk_.snapshot.rows) {
    if (!cluster_->Load(row)) return "a row of the snapshot cannot be loaded";
  }
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
  snapshots_.Finish(lies_.snapshot ? UINT64_MAX : log_.Durable(), disk_.snapshot);
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

}  // namespace holdfast
