// Shard: the owner of a range of slots. Commands read its state, decide, and change it here only:
// Commit applies a mutation, writes it into the turn's batch, and notes what replies must wait for.
//
// A replica's shard follows: its state is what the primary's log makes of it (ApplyStream), and
// nothing is decided here. It is judged by the stream's time, too: a key is past its deadline when
// the primary's clock says so.
//
// No I/O, no thread, no clock of its own: SetNow moves its time, PushBatch ends its turn.
// Owner thread: one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "server/command.h"
#include "server/config.h"
#include "server/server_state.h"
#include "server/shard/ack_gate.h"
#include "server/shard/command_watch.h"
#include "server/shard/key_events.h"
#include "server/shard/shard_map.h"
#include "server/shard/slot_locks.h"
#include "server/shard/watches.h"
#include "storage/base/random.h"
#include "storage/core/item.h"
#include "storage/core/keyspace.h"
#include "storage/core/stock.h"
#include "storage/core/stock_apply.h"

namespace holdfast {

class Shard {
 public:
  // `server` outlives the shard. `seed` is the history's.
  Shard(ShardId id, ServerState& server, HashSeed seed, const Config& config);

  ShardId id() const { return id_; }
  ServerState& server() { return server_; }
  const ServerState& server() const { return server_; }
  ShardMetrics& metrics() { return metrics_; }
  CommandWatch& watch() { return watch_; }
  ErrorStats& errors() { return server_.stats[id_].errors; }
  CommandStats& command_stats() { return server_.stats[id_].commands; }
  Keyspace& keyspace() { return keyspace_; }
  AckGate& gate() { return gate_; }
  SlotLocks& locks() { return locks_; }
  Watches& watches() { return watches_; }

  const Config& config() const { return config_; }
  void SetConfig(const Config& config);
  // Takes over what CONFIG SET changed since; SetNow does this before anything else runs.
  void AdoptConfig();
  const LedgerLimits& limits() const { return limits_; }
  bool RequiresAuth() const { return !config_.requirepass.empty(); }

  // ---- time: stands still within a command

  // Whether the keyspace is ours yet, and ours to change. Before the clock is read for SetNow:
  // loading may move it.
  void NoteStanding() {
    loading_ = server_.loading.load(std::memory_order_acquire);
    follows_ = server_.standing.follows.load(std::memory_order_acquire);
  }
  // Until it is false no look-up, no change and no sweep: commands are refused (RefusalOf).
  bool loading() const { return loading_; }
  // While it is true nothing is changed here but by ApplyStream; writes are refused (RefusalOf).
  bool follows() const { return follows_; }
  // What is read may be far behind, and the operator would rather have it refused.
  bool IsStale() const {
    return follows_ && !config_.replica_serve_stale_data &&
           !server_.standing.link_up.load(std::memory_order_relaxed);
  }

  void SetNow(UnixMs now);
  // A command is about to be answered: the restart grace, if it was waiting for that, runs from
  // now.
  void NoteCommand() {
    const int64_t grace_until = server_.grace_until_ms.load(std::memory_order_relaxed);
    if (grace_until == ServerState::kGraceArmed && !loading_ && !follows_) StartGrace();
  }
  // The clock's: for clients, pauses, limits and whoever measures.
  UnixMs now() const { return now_; }
  // What the state is judged by: the same, or the stream's time. Never back.
  Instant state_now() const { return state_now_; }
  // Chance, for commands that choose (HRANDFIELD): what changes state logs the choice.
  Random& chance() { return chance_; }

  // ---- look-ups

  KeyPlace At(const MutationPlace& place) const { return keyspace_.At(place); }
  KeyPlace At(DbIndex db, std::string_view key) const { return keyspace_.At(db, SlotOf(key), key); }

  // The key's entry; one past its deadline is expired on the way, as a logged fact (unless we
  // follow), and is not there. The reply waits for the last change of the slot where its level asks
  // for it.
  Entry* Find(CommandContext& ctx) { return Find(ctx, ctx.place); }
  Entry* Find(CommandContext& ctx, const KeyPlace& place);
  // The same for who only asks about the key: no use of it that OBJECT IDLETIME would count from.
  Entry* Peek(CommandContext& ctx) { return Peek(ctx, ctx.place); }
  Entry* Peek(CommandContext& ctx, const KeyPlace& place);

  // The same without a word on who waits for what.
  Entry* Live(const KeyPlace& place);
  // What whoever tells of this key waits for.
  TurnStamp ReadStamp(const KeyPlace& place, const Entry* entry);

  // Fills ctx.item, with nothing due on it (where we follow: as the stream left it). False: too
  // many holds are due for one turn; it must wait while they are taken in slices.
  [[nodiscard]] bool PrepareStock(CommandContext& ctx);
  // As a new turn does: for whom all slices must be done in this one.
  void RenewSettling();

  // ---- changes

  // Of an ordinary key. Views in the mutation may point anywhere but into the key's own entry.
  template <typename M>
  void Commit(CommandContext& ctx, const M& mutation) {
    CommitKey(ctx.place, mutation);
    if (gates_keys_) ctx.WaitForChange(stamp());
  }

  // Of the SKU ctx.item.
  template <typename M>
  void CommitStock(CommandContext& ctx, const M& mutation) {
    CommitItem(ctx.place, *ctx.item, mutation);
    if (gates_stock_) ctx.WaitForChange(stamp());
  }

  // Of a whole partition of a database. Requires: it is ours.
  template <typename M>
  void CommitPartition(CommandContext& ctx, const MutationPlace& place, const M& mutation,
                       bool of_stock) {
    const bool gated = gates_keys_ || (of_stock && gates_stock_);
    TouchPartition(place, mutation);
    Record(place, mutation, gated);
    keyspace_.Apply(At(place), mutation);
    if (!gated || captures()) return;
    for (int slot = place.slot; slot < place.slot + kSlotsPerPartition; ++slot)
      keyspace_.gated_stamp(static_cast<Slot>(slot)) = stamp();
    ctx.WaitForChange(stamp());
  }

  // A key event for those who listen, behind the change that it tells of.
  void Notify(EventFlag kind, const MutationPlace& place, std::string_view event) {
    if (Notifies(kind)) [[unlikely]]
      NoteEvent(place, event, kind == kStockEvents ? gates_stock_ : gates_keys_);
  }
  // Of one of these kinds.
  bool Notifies(uint32_t kinds) const { return (events_ & kinds) != 0; }

  void CreateStock(CommandContext& ctx, const ItemCreated& created);
  void DropStock(CommandContext& ctx, const ItemDropped& dropped);

  // False while memory or disk runs out: what grows must be refused with GrowthRefusal(). What
  // gives back or finishes goes on.
  bool MayGrow() const { return GrowthRefusal().empty(); }
  std::string_view GrowthRefusal() const;

  // ---- groups: changes to held slots

  // Mutations on their way into the log.
  struct Pending {
    std::string mutations;
    bool gated = false;
    std::string events = {};  // server/shard/key_events.h
  };

  // A slice of what is due on the SKU, if there is one; false while there is more.
  [[nodiscard]] bool SettleForGroup(std::string_view sku);
  // From here to EndCapture commits go into `group` and not into the turn's batch, and time stands
  // where it stood when the slots were granted.
  void BeginCapture(Pending& group, Instant granted_at);
  void EndCapture();
  // Changes held keys; the group's coordinator pushes them.
  void ApplyOfGroup(std::string_view mutations);
  // Puts a group into the turn's batch.
  void PushOfGroup(const Pending& group);
  // The group's events leave with the turn.
  void TellOfGroup(const Pending& group) {
    AppendKeyEvents(batch_.events, group.events, group.gated);
  }
  size_t pending_bytes() const { return pending_->mutations.size(); }
  bool GatesKeys() const { return gates_keys_; }
  bool GatesStock() const { return gates_stock_; }
  // From now on whoever looks at these slots or SKUs waits for this index, pushed elsewhere.
  void GateGroup(const SlotList& slots, std::span<const std::string> skus, Index index);
  TurnStamp StampFor(Index index) { return gate_.StampFor(index, changed_); }

  // ---- the stream: what a replica's primary has logged

  // A batch that is acked: those of its mutations that are ours, perhaps none, and its server time.
  // Requires: all of that were verified; not loading; following, if there are any; in log order.
  void ApplyStream(Index index, UnixMs server_time, std::string_view mutations);
  // Batches up to here are in the keyspace: where a snapshot's cut lies. Requires: nothing is
  // unpushed.
  Index LastIndex() const;
  // A push was refused: another server leads, and what the keyspace holds is in no log.
  bool deposed() const { return deposed_; }

  // ---- turns

  void PushBatch();
  // The batch is as large as a record should be: end the turn here.
  bool BatchIsFull() const {
    return batch_.mutations.size() + batch_.events.size() >= kBatchBytesMax;
  }
  // The turn's, before its push: what a gated one waits for is what changed in this turn.
  std::string TakeEvents() { return std::exchange(batch_.events, {}); }
  bool HasEvents() const { return !batch_.events.empty(); }
  TurnStamp EventStamp() const { return changed_ ? gate_.Current() : 0; }
  void OnAcked(Index acked) { gate_.Advance(acked); }

  // A slice of what is due: holds that expire, records to forget, keys past their deadline.
  void Sweep();
  bool HasWork() const { return sweep_unfinished_; }

  // ---- recovery: one thread at a time, and not the owner's before NoteStanding found it done

  // Loads one fact of the snapshot. False: it is malformed.
  [[nodiscard]] bool Load(const MutationView& fact) { return keyspace_.Load(fact); }
  void FinishLoad() { keyspace_.FinishLoad(); }
  // Applies one mutation of the log. False: it is malformed.
  [[nodiscard]] bool Replay(const MutationView& mutation);
  // Those that come next, so that the cache misses of all of them overlap.
  void PrefetchReplay(std::span<const MutationView> mutations) const {
    keyspace_.PrefetchFor(mutations);
  }
  // After the last one: audits every SKU. kDamaged, naming the first that does not add up.
  Status FinishRecovery();
  // All of the above was the log up to here. Needed by who will follow.
  void NoteLoaded(Index last, UnixMs server_time);
  // What is there now shows in the metrics.
  void Publish();

 private:
  static constexpr size_t kBatchBytesMax = size_t{1} << 20;

  void StartGrace();

  // A change waits for the turn that it is made in. One of a group waits for the turn in which the
  // group's coordinator pushes it; until then its slot is held, and GateGroup says which it was.
  bool captures() const { return pending_ != &batch_; }
  TurnStamp stamp() const { return captures() ? 0 : gate_.Current(); }

  template <typename M>
  void Record(const MutationPlace& place, const M& mutation, bool gated) {
    Invariant(!follows_);
    ++changes_;
    changed_ |= !captures();
    if (!watches_.empty()) watches_.Touch(place.db, place.key);
    if (!keeps_) return;
    AppendMutation(pending_->mutations, place, mutation);
    pending_->gated |= gated;
  }

  // What makes a key that was not there.
  template <typename M>
  static constexpr bool kMakesKey =
      std::is_same_v<M, StringSet> || std::is_same_v<M, StringRangeSet> ||
      std::is_same_v<M, HashFieldsSet>;

  template <typename M>
  void CommitKey(const KeyPlace& place, const M& mutation) {
    if constexpr (kMakesKey<M>) {
      if (Notifies(kNewEvents)) [[unlikely]]
        NoteIfNew(place);
    }
    Record(place, mutation, gates_keys_);
    keyspace_.Apply(place, mutation);
    if (gates_keys_ && !captures()) keyspace_.gated_stamp(place.slot) = stamp();
  }

  template <typename M>
  void CommitItem(const KeyPlace& place, Item& item, const M& mutation) {
    const bool was_sold_out = item.Sellable() == 0;
    Record(place, mutation, gates_stock_);
    keyspace_.Apply(place, mutation);
    if (!captures()) Stamp(item, mutation, gates_stock_ ? stamp() : 0);
    if (Notifies(kStockEvents)) [[unlikely]]
      NoteStockEvents(place, StockEventOf(mutation), was_sold_out, item.Sellable() == 0);
  }
  template <typename... M>
  void CommitItem(const KeyPlace& place, Item& item, const std::variant<M...>& mutation) {
    std::visit([&](const auto& one) { CommitItem(place, item, one); }, mutation);
  }

  void ApplyMutations(std::string_view mutations);

  // A key's deadline has passed.
  void Expire(const KeyPlace& place);
  void NoteEvent(const MutationPlace& place, std::string_view event, bool gated);
  void NoteIfNew(const KeyPlace& place);
  void NoteStockEvents(const KeyPlace& place, std::string_view event, bool was_sold_out,
                       bool is_sold_out);

  // Tells the watchers of keys that a whole partition's change takes away or brings.
  void TouchPartition(const MutationPlace& place, const DatabaseFlushed& flushed);
  void TouchPartition(const MutationPlace& place, const DatabasesSwapped& swapped);
  void TouchOfGroup(const MutationView& mutation);
  // Those watched keys of the partition for which changes(db, name).
  template <typename F>
  void TouchWatched(const MutationPlace& place, F&& changes);

  bool FreeDoomed();
  // Whether nothing is due on the SKU; else a slice of it is done first, while the turn has any.
  bool IsSettled(const KeyPlace& place, Item& item);
  // A slice of what a command on the SKU waits for (its due holds, a count of its buyers), or of
  // its holds or refs to forget. How many records it took: 0 if there is nothing to do.
  uint32_t Settle(const KeyPlace& place, Item& item, uint32_t most);
  uint32_t Forget(const KeyPlace& place, Item& item, uint32_t most);
  void SweepDue(uint32_t records_max);

  const ShardId id_;
  ServerState& server_;
  ShardMetrics& metrics_;
  CommandWatch watch_;
  Config config_;
  uint64_t config_version_ = 0;  // of server_.config
  LedgerLimits limits_;
  bool keeps_;
  bool gates_stock_ = false;
  bool gates_keys_ = false;
  uint32_t events_ = 0;  // EventFlags; 0 if no channel is told

  Keyspace keyspace_;
  AckGate gate_;
  UnixMs now_{};
  Instant state_now_{};
  Random chance_;

  SlotLocks locks_;
  Watches watches_;

  Pending batch_;                // the turn's
  Pending* pending_ = &batch_;   // where commits go
  Instant now_outside_group_{};  // of state_now_, while they go to a group
  bool changed_ = false;
  bool applied_ = false;  // of the stream, in this turn
  bool deposed_ = false;

  bool loading_ = false;
  bool follows_ = false;
  bool sweep_unfinished_ = false;
  uint32_t changes_ = 0;       // recorded since the last sweep ended
  uint32_t settles_left_ = 0;  // records that commands may still end in this turn
};

}  // namespace holdfast
