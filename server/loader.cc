#include "server/loader.h"

#include <string>
#include <utility>

#include "server/server_log.h"
#include "storage/base/bytes.h"
#include "storage/core/mutation.h"

namespace holdfast {
namespace {

// How often what is loaded shows in INFO.
constexpr uint64_t kPublishEvery = uint64_t{1} << 14;

}  // namespace

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
  thread_ = std::thread([this] { Run(); });
}

LoadProgress Loader::Progress() const {
  return {.started = started_,
          .elapsed = std::chrono::floor<DurationMs>(Clock::now() - began_),
          .bytes_total = log_.BytesToReplay(),
          .bytes_loaded = log_.BytesReplayed()};
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
  const ReplayFn take = [this](Index index, std::string_view mutations) {
    return TakeBatch(index, mutations);
  };
  Replayed replayed;
  if (Status status = log_.Replay(Cuts{}, take, replayed); !status.ok()) return status;
  for (Shard* shard : shards_) shard->FinishRecovery();
  const std::chrono::duration<double> took = Clock::now() - began_;
  LogNotice("DB loaded from log: {} records, {} changes, {:.3f} seconds", replayed.records,
            mutations_, took.count());
  return finish_(replayed);
}

Status Loader::TakeBatch(Index index, std::string_view mutations) {
  if (abandoned_.load(std::memory_order_relaxed)) return Status::Busy("the start was abandoned");
  ByteReader reader(mutations);
  MutationView mutation{};
  while (NextMutation(reader, mutation)) {
    Shard& shard = *shards_[server_.map.OwnerOf(mutation.place.slot)];
    if (!shard.Replay(mutation)) {
      return Status::Damaged("batch " + std::to_string(index) +
                             " holds a mutation that this version cannot apply");
    }
    if (++mutations_ % kPublishEvery == 0) {
      for (Shard* each : shards_) each->Publish();
    }
  }
  return reader.failed() ? Status::Damaged("batch " + std::to_string(index) + " is malformed")
                         : Status::Ok();
}

}  // namespace holdfast
