#include "server/sharded_replay.h"

#include <algorithm>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/core/mutation.h"

namespace holdfast {
namespace {

// Handing over costs two locks and often a wake: some thousand mutations share it.
constexpr size_t kChunkBytes = size_t{256} * 1024;
// Of a shard's queue; one chunk is always let in, for a batch may be larger than any bound here.
constexpr size_t kQueueBytesMax = 4 * kChunkBytes;

}  // namespace

ShardedReplay::ShardedReplay(const ShardMap& map, const std::vector<Shard*>& shards,
                             const std::atomic<bool>& abandoned)
    : map_(map), abandoned_(abandoned) {
  Invariant(shards.size() == static_cast<size_t>(map.shards()));
  for (Shard* shard : shards) lanes_.push_back(std::make_unique<Lane>(*shard));
  for (const auto& lane : lanes_) lane->thread = std::thread([this, at = lane.get()] { Run(*at); });
}

ShardedReplay::~ShardedReplay() {
  dropped_ = true;
  Close();
}

// ---- the taker

Status ShardedReplay::Take(Index index, std::string_view mutations) {
  if (failed_.load(std::memory_order_relaxed)) return Finish();
  ByteReader reader(mutations);
  MutationView mutation{};
  Lane* owner = nullptr;
  std::string_view slice = mutations;  // from the first mutation in a row that `owner` has
  std::string_view rest = mutations;
  const auto end_slice = [&] {
    if (owner != nullptr) Append(*owner, index, slice.substr(0, slice.size() - rest.size()));
    slice = rest;
  };
  while (NextMutation(reader, mutation)) {
    Lane* const next = lanes_[map_.OwnerOf(mutation.place.slot)].get();
    if (next != owner) end_slice();
    owner = next;
    rest = reader.rest();
  }
  end_slice();
  if (!reader.failed()) return Status::Ok();
  if (Status status = Finish(); !status.ok()) return status;
  return Status::Damaged("batch " + std::to_string(index) +
                         " is malformed; 'holdfast-check DIR' shows where");
}

void ShardedReplay::Append(Lane& lane, Index index, std::string_view slice) {
  if (lane.filling.capacity() == 0) lane.filling.reserve(kChunkBytes + kChunkBytes / 4);
  AppendInt(lane.filling, index);
  AppendWord(lane.filling, slice);
  bytes_queued_.fetch_add(slice.size(), std::memory_order_relaxed);
  if (lane.filling.size() >= kChunkBytes) Push(lane);
}

void ShardedReplay::Push(Lane& lane) {
  std::string chunk = std::exchange(lane.filling, {});
  {
    std::unique_lock lock(lane.mutex);
    lane.changed.wait(lock, [&] { return lane.bytes < kQueueBytesMax; });
    lane.bytes += chunk.size();
    lane.chunks.push_back(std::move(chunk));
  }
  lane.changed.notify_all();
}

// No lane stops before it has seen all that was taken: so the first batch that cannot be applied is
// the same in every run.
Status ShardedReplay::Finish() {
  for (const auto& lane : lanes_) {
    if (!lane->filling.empty()) Push(*lane);
  }
  Close();
  Index failed_at = 0;
  mutations_ = 0;
  for (const auto& lane : lanes_) {
    mutations_ += lane->mutations;
    if (lane->failed_at != 0)
      failed_at = failed_at == 0 ? lane->failed_at : std::min(failed_at, lane->failed_at);
  }
  if (failed_at != 0)
    return Status::Damaged("batch " + std::to_string(failed_at) +
                           " holds a mutation that this version cannot apply; 'holdfast-check DIR' "
                           "shows which; start the version that wrote it, or restore the directory "
                           "from a backup");
  for (const auto& lane : lanes_) {
    if (!lane->audited.ok()) return lane->audited;
  }
  return Status::Ok();
}

void ShardedReplay::Close() {
  for (const auto& lane : lanes_) {
    {
      const std::lock_guard lock(lane->mutex);
      lane->closed = true;
    }
    lane->changed.notify_all();
  }
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

// ---- a lane's thread

bool ShardedReplay::Stops(const Lane& lane) const {
  return lane.failed_at != 0 || abandoned_.load(std::memory_order_relaxed) ||
         dropped_.load(std::memory_order_relaxed);
}

void ShardedReplay::Run(Lane& lane) {
  std::string chunk;
  while (Pop(lane, chunk)) Apply(lane, chunk);
  if (!Stops(lane)) lane.audited = lane.shard.FinishRecovery();
}

bool ShardedReplay::Pop(Lane& lane, std::string& chunk) {
  {
    std::unique_lock lock(lane.mutex);
    lane.changed.wait(lock, [&] { return lane.closed || !lane.chunks.empty(); });
    if (lane.chunks.empty()) return false;
    chunk = std::move(lane.chunks.front());
    lane.chunks.pop_front();
    lane.bytes -= chunk.size();
  }
  lane.changed.notify_all();
  return true;
}

void ShardedReplay::Apply(Lane& lane, std::string_view chunk) {
  struct Origin {
    Index batch;
    size_t bytes;
  };
  std::vector<MutationView> ahead;
  std::vector<Origin> origins;
  const auto apply = [&] {
    lane.shard.PrefetchReplay(ahead);
    for (size_t i = 0; i < ahead.size(); ++i) {
      bytes_queued_.fetch_sub(origins[i].bytes, std::memory_order_relaxed);
      if (Stops(lane)) continue;
      ++lane.mutations;
      if (lane.shard.Replay(ahead[i])) continue;
      lane.failed_at = origins[i].batch;
      failed_.store(true, std::memory_order_relaxed);
    }
    ahead.clear();
    origins.clear();
  };
  ByteReader slices(chunk);
  while (!slices.rest().empty()) {
    const auto index = slices.Int<Index>();
    ByteReader reader(slices.Word());
    Invariant(!slices.failed());
    MutationView mutation{};
    for (size_t left = reader.rest().size(); NextMutation(reader, mutation);
         left = reader.rest().size()) {
      ahead.push_back(mutation);
      origins.push_back({.batch = index, .bytes = left - reader.rest().size()});
      if (ahead.size() == Keyspace::kAheadMax) apply();
    }
  }
  apply();
  lane.shard.Publish();
}

}  // namespace holdfast
