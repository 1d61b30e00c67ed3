#include "server/loader.h"

#include <algorithm>
#include <utility>

#include "server/server_log.h"

namespace holdfast {

Loader::Loader(RocksLog& log, ServerState& server, std::vector<Shard*> shards, FinishFn finish)
    : log_(log), server_(server), shards_(std::move(shards)), finish_(std::move(finish)) {}

Loader::~Loader() {
  abandoned_ = true;
  if (thread_.joinable()) thread_.join();
}

void Loader::Start(UnixMs now) {
  started_ = now;
  began_ = Clock::now();
  server_.loading = true;
  replay_ = std::make_unique<ShardedReplay>(server_.map, shards_, abandoned_);
  thread_ = std::thread([this] { Run(); });
}

// What is read and waits to be applied is not loaded yet. The two figures are not of one instant, so
// what was told before is held to.
LoadProgress Loader::Progress() const {
  const uint64_t read = log_.BytesReplayed();
  const uint64_t loaded = read - std::min(read, replay_->BytesQueued());
  uint64_t told = bytes_told_.load(std::memory_order_relaxed);
  while (told < loaded && !bytes_told_.compare_exchange_weak(told, loaded)) {
  }
  return {.started = started_,
          .elapsed = std::chrono::floor<DurationMs>(Clock::now() - began_),
          .bytes_total = log_.BytesToReplay(),
          .bytes_loaded = std::max(told, loaded)};
}

bool Loader::WaitFor(DurationMs span) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, span, [this] { return done(); });
}

Status Loader::Join() {
  if (thread_.joinable()) thread_.join();
  return status_;
}

void Loader::Abandon() {
  abandoned_ = true;
  if (thread_.joinable()) thread_.join();
}

void Loader::Run() {
  status_ = Load();
  if (status_.ok()) server_.loading.store(false, std::memory_order_release);
  {
    const std::lock_guard lock(mutex_);
    done_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

Status Loader::Load() {
  const Status abandoned = Status::Busy("the start was abandoned");
  const ReplayFn take = [&](Index index, std::string_view mutations) {
    return abandoned_.load(std::memory_order_relaxed) ? abandoned : replay_->Take(index, mutations);
  };
  Replayed replayed;
  const Status read = log_.Replay(Cuts{}, take, replayed);
  // What cannot be applied lies before what could not be read.
  if (Status applied = replay_->Finish(); !applied.ok()) return applied;
  if (!read.ok()) return read;
  if (abandoned_) return abandoned;
  const std::chrono::duration<double> took = Clock::now() - began_;
  LogNotice("DB loaded from log: {} records, {} changes, {:.3f} seconds", replayed.records,
            replay_->mutations(), took.count());
  return finish_(replayed);
}

}  // namespace holdfast
