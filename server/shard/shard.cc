#include "server/shard/shard.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/base/quoted.h"
#include "storage/core/audit.h"
#include "storage/recovery.h"

namespace holdfast {
namespace {

// What one turn may end of what is due (keys, holds, refs), so that none stalls behind a wave of
// deadlines: the commands that need a settled SKU so many, and the sweep as many and one for each
// change that came while it was not done: what comes cannot outrun what ends. Each takes some
// microseconds where all of it is missed by the caches.
constexpr uint32_t kRecordsPerTurn = 128;
static_assert(kRecordsPerTurn <= kSweepMax);
// Timers that are looked at together. Each of them gets on, if by few records, also where others
// have taken the turn's.
constexpr uint32_t kSweepStep = 16;
constexpr uint32_t kRecordsPerTimer = 4;

// What a batch's buffer keeps between turns.
constexpr size_t kBatchBytesKept = size_t{256} * 1024;

LedgerLimits LimitsOf(const Config& config) {
  return {.hold_life_max = config.hold_max_life,
          .ttl_default = config.hold_ttl,
          .retention_default = config.hold_retention,
          .fence_max = static_cast<uint32_t>(config.fence_max)};
}

}  // namespace

Shard::Shard(ShardId id, ServerState& server, HashSeed seed, const Config& config)
    : id_(id),
      server_(server),
      metrics_(server.metrics[id]),
      watch_(server, server.stats[id]),
      keeps_(server.log.Keeps()),
      keyspace_(seed, static_cast<Slot>(server.map.FirstSlot(id)),
                static_cast<Slot>(server.map.FirstSlot(id + 1) - 1)),
      chance_(server.random_seed + id) {
  SetConfig(config);
  RenewSettling();
  Publish();  // another one may have been in its place
}

void Shard::SetConfig(const Config& config) {
  config_ = config;
  limits_ = LimitsOf(config);
  watch_.SetConfig(config);
  gates_stock_ = keeps_ && config.stock_appendfsync == Fsync::kAlways;
  gates_keys_ = keeps_ && config.appendfsync == Fsync::kAlways;
  const uint32_t events = config.notify_keyspace_events;
  events_ = (events & (kKeyspaceChannels | kKeyeventChannels)) != 0 ? events : 0;
}

void Shard::AdoptConfig() {
  if (server_.config.version() == config_version_) return;
  SetConfig(server_.config.Get(config_version_));
}

void Shard::SetNow(UnixMs now) {
  AdoptConfig();
  Invariant(now >= now_);
  now_ = now;
  if (!follows_) {
    // The stream that we followed may have been ahead of our clock.
    state_now_.now = std::max(state_now_.now, now);
    const int64_t grace_until = server_.grace_until_ms.load(std::memory_order_relaxed);
    state_now_.due = ToUnixMs(state_now_.now) < grace_until ? kNever : state_now_.now;
  }
  watch_.StartLap();
  if (loading_) return;
  // What recovery loaded counts as used at the start: second 0.
  const auto running = now - server_.started_at.load(std::memory_order_relaxed);
  keyspace_.SetAccessSecond(
      static_cast<uint32_t>(std::chrono::floor<std::chrono::seconds>(running).count()));
}

void Shard::StartGrace() {
  int64_t armed = ServerState::kGraceArmed;
  const int64_t until = ToUnixMs(After(state_now_.now, config_.restart_grace));
  server_.grace_until_ms.compare_exchange_strong(armed, until);
}

// ---- look-ups

Entry* Shard::Find(CommandContext& ctx, const KeyPlace& place) {
  Entry* const entry = Peek(ctx, place);
  if (entry != nullptr) keyspace_.Touch(*entry);
  return entry;
}

Entry* Shard::Peek(CommandContext& ctx, const KeyPlace& place) {
  Entry* const entry = Live(place);
  ctx.WaitForRead(ReadStamp(place, entry));
  return entry;
}

Entry* Shard::Live(const KeyPlace& place) {
  Entry* const entry = keyspace_.Find(place);
  if (entry == nullptr || !entry->IsPast(state_now_.now)) return entry;
  if (!follows_) {
    Expire(place);
  } else if (!watches_.empty()) {
    // It stays until the primary says so, and yet whoever watches it has seen it go.
    watches_.Touch(place.db, place.key);
  }
  return nullptr;
}

void Shard::Expire(const KeyPlace& place) {
  // Its name may lie in its entry.
  const std::string key = Notifies(kExpiredEvents) ? std::string(place.key) : std::string();
  CommitKey(place, KeyExpired{});
  metrics_.expired_keys.Add();
  Notify(kExpiredEvents, {.db = place.db, .slot = place.slot, .key = key}, "expired");
}

void Shard::NoteEvent(const MutationPlace& place, std::string_view event, bool gated) {
  AppendKeyEvent(pending_->events,
                 {.gated = gated, .db = place.db, .event = event, .key = place.key});
}

void Shard::NoteIfNew(const KeyPlace& place) {
  if (keyspace_.Find(place) == nullptr) NoteEvent(place, "new", gates_keys_);
}

// `soldout` and `instock` come last, as among the order events.
void Shard::NoteStockEvents(const KeyPlace& place, std::string_view event, bool was_sold_out,
                            bool is_sold_out) {
  if (!event.empty()) NoteEvent(place, event, gates_stock_);
  if (is_sold_out != was_sold_out)
    NoteEvent(place, is_sold_out ? "soldout" : "instock", gates_stock_);
}

// That a key is a SKU is news that a crash can undo, too.
TurnStamp Shard::ReadStamp(const KeyPlace& place, const Entry* entry) {
  const TurnStamp stamp = keyspace_.gated_stamp(place.slot);
  if (entry == nullptr || entry->type() != KeyType::kStock) return stamp;
  return std::max(stamp, entry->item().any_stamp);
}

bool Shard::PrepareStock(CommandContext& ctx) {
  if (ctx.db != kStockDb) return true;
  Entry* const entry = keyspace_.Find(ctx.place);
  if (entry == nullptr || entry->type() != KeyType::kStock) {
    ctx.item = nullptr;
    ctx.wrong_type = Find(ctx) != nullptr;
    return true;
  }
  keyspace_.Touch(*entry);
  ctx.item = &entry->item();
  return IsSettled(ctx.place, *ctx.item);
}

// ---- changes

void Shard::CreateStock(CommandContext& ctx, const ItemCreated& created) {
  Record(ctx.place, created, gates_stock_);
  keyspace_.Apply(ctx.place, created);
  ctx.item = keyspace_.FindStock(ctx.place);
  Notify(kNewEvents, ctx.place, "new");
  Notify(kStockEvents, ctx.place, StockEventOf(ItemCreated::kKind));
  if (!gates_stock_ || captures()) return;
  holdfast::Stamp(*ctx.item, created, stamp());
  ctx.WaitForChange(stamp());
}

void Shard::DropStock(CommandContext& ctx, const ItemDropped& dropped) {
  Record(ctx.place, dropped, gates_stock_);
  keyspace_.Apply(ctx.place, dropped);
  ctx.item = nullptr;
  Notify(kStockEvents, ctx.place, StockEventOf(ItemDropped::kKind));
  if (!gates_stock_ || captures()) return;
  // That the SKU is gone is told by the slot's stamp.
  keyspace_.gated_stamp(ctx.place.slot) = stamp();
  ctx.WaitForChange(stamp());
}

std::string_view Shard::GrowthRefusal() const {
  // Within a turn, too: a SETBIT of some bytes may make many megabytes.
  if (config_.maxmemory > 0) metrics_.memory_bytes.Set(keyspace_.MemoryBytes());
  if (config_.maxmemory > 0 &&
      server_.Sum(&ShardMetrics::memory_bytes) >= static_cast<uint64_t>(config_.maxmemory)) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  if (server_.log.LowOnDisk()) {
    return "MISCONF free disk space is below disk-reserve: what grows is refused until there is "
           "room again.";
  }
  return {};
}

// ---- groups

bool Shard::SettleForGroup(std::string_view sku) {
  const KeyPlace place = At(kStockDb, sku);
  Item* const item = keyspace_.FindStock(place);
  return item == nullptr || IsSettled(place, *item);
}

void Shard::BeginCapture(Pending& group, Instant granted_at) {
  Invariant(!captures());
  pending_ = &group;
  now_outside_group_ = std::exchange(state_now_, granted_at);
}

void Shard::EndCapture() {
  Invariant(captures());
  pending_ = &batch_;
  state_now_ = now_outside_group_;
  Publish();
}

void Shard::ApplyOfGroup(std::string_view mutations) {
  ApplyMutations(mutations);
  Publish();
}

// A few at a time, so that the cache misses of all of them overlap.
void Shard::ApplyMutations(std::string_view mutations) {
  ByteReader bytes(mutations);
  std::array<MutationView, Keyspace::kAheadMax> ahead{};
  while (!bytes.rest().empty()) {
    size_t count = 0;
    while (count < ahead.size() && NextMutation(bytes, ahead[count])) ++count;
    Invariant(!bytes.failed());
    const std::span<const MutationView> taken(ahead.data(), count);
    if (count > 1) keyspace_.PrefetchFor(taken);
    for (const MutationView& mutation : taken) {
      if (!watches_.empty()) TouchOfGroup(mutation);
      const bool applied = keyspace_.ApplyView(mutation);
      Invariant(applied);
    }
  }
}

void Shard::TouchOfGroup(const MutationView& mutation) {
  ByteReader body(mutation.body);
  switch (mutation.kind) {
    case MutationKind::kDatabaseFlushed:
      return TouchPartition(mutation.place, DatabaseFlushed::DecodeBody(body));
    case MutationKind::kDatabasesSwapped:
      return TouchPartition(mutation.place, DatabasesSwapped::DecodeBody(body));
    default:
      return watches_.Touch(mutation.place.db, mutation.place.key);
  }
}

// Only a key that is there is changed by a flush.
void Shard::TouchPartition(const MutationPlace& place, const DatabaseFlushed& flushed) {
  TouchWatched(place, [&](DbIndex db, std::string_view key) {
    return (flushed.all || db == place.db) && keyspace_.Find(At(db, key)) != nullptr;
  });
}

// And one that is there on either side, by a swap.
void Shard::TouchPartition(const MutationPlace& place, const DatabasesSwapped& swapped) {
  TouchWatched(place, [&](DbIndex db, std::string_view key) {
    if (db != place.db && db != swapped.other) return false;
    return keyspace_.Find(At(place.db, key)) != nullptr ||
           keyspace_.Find(At(swapped.other, key)) != nullptr;
  });
}

template <typename F>
void Shard::TouchWatched(const MutationPlace& place, F&& changes) {
  watches_.ForEachKey([&](DbIndex db, std::string_view key) {
    if (PartitionOf(SlotOf(key)) == PartitionOf(place.slot) && changes(db, key))
      watches_.Touch(db, key);
  });
}

void Shard::PushOfGroup(const Pending& group) {
  if (group.mutations.empty()) return;
  changed_ = true;
  if (!keeps_) return;
  batch_.mutations += group.mutations;
  batch_.gated |= group.gated;
}

void Shard::GateGroup(const SlotList& slots, std::span<const std::string> skus, Index index) {
  const TurnStamp stamp = StampFor(index);
  if (stamp == 0) return;
  const auto raise = [&](uint64_t& old) { old = std::max(old, stamp); };
  for (const Slot slot : slots) raise(keyspace_.gated_stamp(slot));
  for (const std::string& sku : skus) {
    Item* const item = keyspace_.FindStock(At(kStockDb, sku));
    if (item == nullptr) continue;
    raise(item->any_stamp);
    raise(item->available_stamp);
  }
  if (!slots.empty()) return;
  for (int slot = server_.map.FirstSlot(id_); slot < server_.map.FirstSlot(id_ + 1); ++slot)
    raise(keyspace_.gated_stamp(static_cast<Slot>(slot)));
}

// ---- the stream

// What a batch does to other shards comes to them in a letter of their own. So for a moment a read
// over several shards may see a part of it, as it may see two keys that were written one after the
// other: each shard by itself is always a prefix of the log. To take a batch in at once everywhere
// all shards would have to wait for the slowest, once for each group that the primary ran.
void Shard::ApplyStream(Index index, UnixMs server_time, std::string_view mutations) {
  std::atomic<Index>& applied = server_.standing.applied[id_];
  const Index before = applied.load(std::memory_order_relaxed);
  if (mutations.empty()) {
    Invariant(index >= before);
  } else {
    Invariant(follows_);
    Invariant(!loading_);
    Invariant(index > before);
    ApplyMutations(mutations);
  }
  state_now_.now = std::max(state_now_.now, server_time);
  applied.store(index, std::memory_order_release);
  applied_ = true;
}

Index Shard::LastIndex() const {
  return follows_ ? server_.standing.applied[id_].load(std::memory_order_relaxed)
                  : server_.log.LastPushed();
}

void Shard::NoteLoaded(Index last, UnixMs server_time) {
  state_now_.now = std::max(state_now_.now, server_time);
  server_.standing.applied[id_].store(last, std::memory_order_release);
}

// ---- turns

void Shard::PushBatch() {
  metrics_.turns.Add();
  if (applied_) {
    applied_ = false;
    Publish();
    if (server_.standing.on_applied != nullptr) server_.standing.on_applied->Wake();
  }
  if (!changed_) return;
  Publish();
  const Index index = server_.log.Push(
      {.mutations = batch_.mutations, .gated = batch_.gated, .server_time = state_now_.now});
  deposed_ |= index == kNeverDurable;
  gate_.Pushed(index);
  gate_.Advance(AckedIndex(server_));
  metrics_.batches.Add();
  changed_ = false;
  batch_.gated = false;
  if (batch_.mutations.capacity() > kBatchBytesKept) {
    batch_.mutations = {};
  } else {
    batch_.mutations.clear();
  }
}

void Shard::Publish() {
  metrics_.memory_bytes.Set(keyspace_.MemoryBytes());
  metrics_.skus.Set(keyspace_.StockCount());
  for (DbIndex db = 0; db < kDatabases; ++db) {
    metrics_.keys[db].Set(keyspace_.KeyCount(db));
    metrics_.keys_expire[db].Set(keyspace_.DeadlineCount(db));
  }
}

// ---- sweeps

void Shard::RenewSettling() { settles_left_ = kRecordsPerTurn; }

bool Shard::IsSettled(const KeyPlace& place, Item& item) {
  if (follows_ || !HasDue(item, state_now_)) return true;
  settles_left_ -= Settle(place, item, settles_left_);
  return !HasDue(item, state_now_);
}

uint32_t Shard::Settle(const KeyPlace& place, Item& item, uint32_t most) {
  if (most == 0) return 0;
  if (item.counting()) {
    CommitItem(place, item, *DecideCountBuyers(item, state_now_, most));
    return most;
  }
  const auto expired = DecideSettle(item, limits_, state_now_, most);
  if (!expired) return 0;
  metrics_.holds_expired.Add(expired->count);
  CommitItem(place, item, *expired);
  return expired->count;
}

uint32_t Shard::Forget(const KeyPlace& place, Item& item, uint32_t most) {
  if (const auto holds = DecideForgetHolds(item, state_now_, most)) {
    metrics_.holds_forgotten.Add(holds->count);
    CommitItem(place, item, *holds);
    return holds->count;
  }
  if (const auto refs = DecideForgetRefs(item, state_now_, most)) {
    metrics_.refs_forgotten.Add(refs->count);
    CommitItem(place, item, *refs);
    return refs->count;
  }
  return 0;
}

// A slice. What it gave back is published at once: a full memory may refuse everything else that
// would.
bool Shard::FreeDoomed() {
  if (!keyspace_.HasDoomed()) return false;
  const bool more = keyspace_.FreeDoomed();
  Publish();
  return more;
}

void Shard::Sweep() {
  if (loading_) return;
  RenewSettling();
  // While it is not done it goes on in every turn: before that nobody knows of how many turns these
  // are.
  const uint32_t came = sweep_unfinished_ ? changes_ : 0;
  changes_ = 0;
  sweep_unfinished_ = FreeDoomed();
  if (follows_ || !server_.sweeps.load(std::memory_order_relaxed)) return;
  watch_.StartLap();
  SweepDue(kRecordsPerTurn + came);
  changes_ = 0;  // its own
  watch_.Note(LatencyEvent::kSweep, now_);
}

void Shard::SweepDue(uint32_t records_max) {
  // A full queue or disk, or too much that is not told yet: what is due is settled on access, and
  // by the next sweep that may.
  if (server_.log.Congested() || server_.log.LowOnDisk()) return;
  if (server_.untold_bytes > ServerState::kUntoldBytesMax) return;
  uint32_t records = 0;
  while (records < records_max) {
    const size_t looked_at = keyspace_.CollectDue(
        state_now_.now, kSweepStep,
        [&](const KeyPlace& place) {
          if (BatchIsFull() || locks_.Held(place.slot)) return;  // it comes again
          Expire(place);
          ++records;
        },
        [&](const KeyPlace& place, Item& item) {
          if (BatchIsFull() || locks_.Held(place.slot)) return;
          const uint32_t most =
              std::clamp(records_max - std::min(records, records_max), kRecordsPerTimer, kSweepMax);
          const uint32_t settled = Settle(place, item, most);
          records += settled > 0 ? settled : Forget(place, item, most);
        });
    if (BatchIsFull()) break;
    if (looked_at < kSweepStep) return;
    ++records;  // timers that were only filed anew cost, too
  }
  sweep_unfinished_ = true;
}

// ---- recovery

bool Shard::Replay(const MutationView& mutation) {
  const bool applied = keyspace_.ApplyView(mutation);
  // Nobody waits yet; what many flushes threw away must not add up.
  while (keyspace_.HasDoomed()) keyspace_.FreeDoomed();
  return applied;
}

Status Shard::FinishRecovery() {
  const int first = server_.map.FirstSlot(id_);
  const int end = server_.map.FirstSlot(id_ + 1);
  Status status;
  const bool any = keyspace_.StockCount() > 0;  // or every key would be looked at for nothing
  for (int slot = first; any && slot < end && status.ok(); ++slot) {
    keyspace_.ForEach(kStockDb, static_cast<Slot>(slot), [&](const Entry& entry) {
      if (entry.type() != KeyType::kStock || !status.ok()) return;
      const AuditReport report = Audit(entry.item());
      if (report.sound()) return;
      std::string sku = "the SKU ";
      AppendQuoted(sku, entry.key());
      status = RefuseAsDamaged(sku, report.fault);
    });
  }
  Publish();
  return status;
}

}  // namespace holdfast
