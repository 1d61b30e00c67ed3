#include "server/shard/defrag_walk.h"

#include <algorithm>

namespace holdfast {
namespace {

// What is not used adds up to so much at most: a tick's worth.
constexpr DurationMs kAllowanceSpan{20};
// A step takes so long at least, as we count: a clock that stands still ends no turn's work.
constexpr int64_t kStepNsMin = 1'000;

}  // namespace

void DefragWalk::Work() {
  if (shard_.loading()) return;
  const DefragOrders& orders = shard_.server().defrag;
  const uint32_t wanted = orders.pass.load(std::memory_order_relaxed);
  if (wanted != pass_) Begin(wanted);
  if (!walk_) return;
  Allow();
  if (allowance_ns_ > 0) Step();
}

void DefragWalk::Begin(uint32_t pass) {
  pass_ = pass;
  walk_.reset();
  allowance_ns_ = 0;
  allowed_until_ = shard_.now();
  if (pass != 0) walk_.emplace(shard_.keyspace(), *shard_.server().defrag.mover);
}

void DefragWalk::Allow() {
  constexpr int64_t kNsPerMsPercent = 10'000;
  const DurationMs passed = std::min(shard_.now() - allowed_until_, kAllowanceSpan);
  const int64_t percent = shard_.server().defrag.percent.load(std::memory_order_relaxed);
  allowed_until_ = shard_.now();
  allowance_ns_ = std::min(allowance_ns_ + passed.count() * percent * kNsPerMsPercent,
                           kAllowanceSpan.count() * percent * kNsPerMsPercent);
}

void DefragWalk::Step() {
  ServerState& server = shard_.server();
  ShardMetrics& metrics = shard_.metrics();
  const SparseWalk::Tally before = walk_->tally();
  shard_.watch().StartLap();
  const uint64_t began = server.span_clock.Ns();
  const bool more = walk_->Step();
  const auto took = static_cast<int64_t>(server.span_clock.Ns() - began);
  allowance_ns_ -= std::max(took, kStepNsMin);
  shard_.watch().Note(LatencyEvent::kDefrag, shard_.now());
  const SparseWalk::Tally& now = walk_->tally();
  metrics.defrag_hits.Add(now.blocks_moved - before.blocks_moved);
  metrics.defrag_misses.Add(now.blocks_left - before.blocks_left);
  metrics.defrag_key_hits.Add(now.keys_moved - before.keys_moved);
  metrics.defrag_key_misses.Add(now.keys_left - before.keys_left);
  metrics.defrag_bytes.Add(now.bytes_moved - before.bytes_moved);
  metrics.defrag_ns.Add(static_cast<uint64_t>(std::max<int64_t>(0, took)));
  metrics.memory_bytes.Set(shard_.keyspace().MemoryBytes());
  if (more) return;
  walk_.reset();
  server.defrag.done[shard_.id()] = pass_;
}

}  // namespace holdfast
