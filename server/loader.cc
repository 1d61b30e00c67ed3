#include "server/loader.h"

#include <algorithm>
#include <utility>

#include "server/server_log.h"
#include "storage/base/bytes.h"
#include "storage/core/mutation.h"
#include "storage/snapshot_store.h"

namespace holdfast {
namespace {

constexpr std::string_view kAbandoned = "the start was abandoned";

}  // namespace

Loader::Loader(RocksLog& log, ServerState& server, std::vector<Shard*> shards, FinishFn finish)
    : log_(log), server_(server), shards_(std::move(shards)), finish_(std::move(finish)) {}

Loader::Loader(RocksLog& log, ServerState& server, std::vector<Shard*> shards, Index up_to,
               std::function<Status()> finish)
    : log_(log),
      server_(server),
      shards_(std::move(shards)),
      finish_([finish = std::move(finish)](const Replayed&) { return finish(); }),
      again_up_to_(up_to) {}

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

// What is read and waits to be applied is not loaded yet. The two figures are not of one instant,
// so what was told before is held to.
LoadProgress Loader::Progress() const {
  const uint64_t read = log_.BytesReplayed();
  const uint64_t loaded = snapshot_bytes_loaded_.load(std::memory_order_relaxed) + read -
                          std::min(read, replay_->BytesQueued());
  uint64_t told = bytes_told_.load(std::memory_order_relaxed);
  while (told < loaded && !bytes_told_.compare_exchange_weak(told, loaded)) {
  }
  return {.started = started_,
          .elapsed = std::chrono::floor<DurationMs>(Clock::now() - began_),
          .bytes_total = log_.snapshots().current().bytes + log_.BytesToReplay(),
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

// Every shard its partitions, side by side.
Status Loader::LoadSnapshot() {
  const SnapshotMark& mark = log_.snapshots().current();
  if (mark.number == 0) return Status::Ok();
  std::atomic<uint64_t> rows{0};
  std::vector<Status> results(shards_.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < shards_.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = LoadPartitions(*shards_[i], rows); });
  }
  for (std::thread& thread : threads) thread.join();
  for (Status& result : results) {
    if (!result.ok()) return std::move(result);
  }
  if (Status status = log_.snapshots().CheckCount(rows); !status.ok()) return status;
  const std::chrono::duration<double> took = Clock::now() - began_;
  LogNotice("DB loaded from snapshot: {} keys, {} bytes, {:.3f} seconds", mark.keys, mark.bytes,
            took.count());
  return Status::Ok();
}

Status Loader::LoadPartitions(Shard& shard, std::atomic<uint64_t>& rows) {
  const auto load = [&](std::string_view key, std::string_view facts) {
    if (abandoned_.load(std::memory_order_relaxed)) return Status::Busy(std::string(kAbandoned));
    ByteReader reader(facts);
    MutationView fact{};
    bool loaded = true;
    while (loaded && NextMutation(reader, fact)) loaded = shard.Load(fact);
    if (!loaded || !reader.AtEnd()) {
      return Status::Damaged(
          "a row of the snapshot holds what this version cannot load; start the version that wrote "
          "it, or restore the directory from a backup; 'holdfast-check DIR' shows which row");
    }
    ++rows;
    snapshot_bytes_loaded_.fetch_add(key.size() + facts.size(), std::memory_order_relaxed);
    shard.Publish();
    return Status::Ok();
  };
  const int first = server_.map.FirstSlot(shard.id()) / kSlotsPerPartition;
  const int end = server_.map.FirstSlot(shard.id() + 1) / kSlotsPerPartition;
  for (int partition = first; partition < end; ++partition) {
    const auto number = static_cast<Partition>(partition);
    if (Status status = log_.snapshots().ForEachRow(number, load); !status.ok()) return status;
  }
  shard.FinishLoad();
  return Status::Ok();
}

Status Loader::Load() {
  if (Status status = LoadSnapshot(); !status.ok()) return status;
  Replayed replayed;
  Status read = LoadLog(replayed);
  if (read.ok() && !again_up_to_) read = TakeTail(replayed);
  // What cannot be applied lies before what could not be read.
  if (Status applied = replay_->Finish(); !applied.ok()) return applied;
  if (!read.ok()) return read;
  if (abandoned_) return Status::Busy(std::string(kAbandoned));
  const std::chrono::duration<double> took = Clock::now() - began_;
  LogNotice("DB loaded from log: {} records, {} changes, {:.3f} seconds", replayed.records,
            replay_->mutations(), took.count());
  for (Shard* const shard : shards_) shard->NoteLoaded(applied_, replayed.server_time);
  return finish_(replayed);
}

Status Loader::Take(Index index, std::string_view mutations) {
  if (abandoned_.load(std::memory_order_relaxed)) return Status::Busy(std::string(kAbandoned));
  return replay_->Take(index, mutations);
}

// At a start it is not known before the end whose acks count. What is not known to be acked waits
// here: it is no more than was written in the time of a sync.
Status Loader::LoadLog(Replayed& replayed) {
  const Cuts& cuts = log_.snapshots().current().cuts;
  if (again_up_to_) {
    applied_ = *again_up_to_;
    return log_.ReplayAgain(cuts, applied_, [this](Index index, std::string_view mutations) {
      return Take(index, mutations);
    });
  }
  acked_ = log_.AckedOnDisk();
  return log_.Replay(
      cuts,
      [this](Index index, std::string_view mutations) {
        if (index <= acked_) return Take(index, mutations);
        tail_.emplace_back(index, mutations);
        return Status::Ok();
      },
      replayed);
}

// Alone in its sync set a node has acked what is on its disk. So has one that goes on from a
// backup: a directory that never promised anything to another node.
Status Loader::TakeTail(const Replayed& replayed) {
  const auto tail = std::exchange(tail_, {});
  const Group group = log_.epochs().group();
  alone_ = group.Has(log_.node()) ? group.sync_set.size() == 1
                                  : !log_.promise().IsToAnother(log_.node());
  applied_ = alone_ ? replayed.last : std::min(acked_, replayed.last);
  if (!alone_) return Status::Ok();
  for (const auto& [index, mutations] : tail) {
    if (Status status = Take(index, mutations); !status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace holdfast
