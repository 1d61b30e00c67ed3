#include "tests/sim/replication/node.h"

#include <algorithm>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/core/holds.h"
#include "storage/core/stock_apply.h"

namespace holdfast {
namespace {

constexpr std::string_view kSku = "mask";
constexpr Units kSupply = 60;
constexpr ItemOptions kOptions = {.limit = 14};
constexpr size_t kRecordsAtOnce = 3;
constexpr LedgerLimits kLimits;
constexpr ReplicationMachine::Timing kTiming;

//   acked:u64, then for each batch length:u32 mutations
std::shared_ptr<const std::string> Encode(Index acked, const std::vector<LogBatch>& batches) {
  std::string bytes;
  AppendInt(bytes, acked);
  for (const LogBatch& batch : batches) AppendWord(bytes, batch.mutations);
  return std::make_shared<const std::string>(std::move(bytes));
}

Index AckedOf(const LogRecord& record) { return ByteReader(*record.bytes).Int<Index>(); }

}  // namespace

// ---- NodeLog

void NodeLog::Append(const LogRecord& record) {
  Invariant(record.first == last() + 1);
  if (record.opens) {
    epochs.Begin({.epoch = record.epoch, .first = record.first, .group = *record.opens});
  }
  ByteReader bytes(*record.bytes);
  bytes.Int<Index>();
  for (Index index = record.first; index <= record.last; ++index) {
    batches.push_back({.epoch = record.epoch, .mutations = std::string(bytes.Word())});
  }
  records.push_back(record);
}

void NodeLog::CutTo(Index last) {
  while (!records.empty() && records.back().first > last) records.pop_back();
  Invariant(records.empty() ? first == last + 1 : records.back().last == last);
  batches.resize(last);
  epochs.CutTo(last);
}

void NodeLog::TrimTo(Index from) {
  first = from;
  std::erase_if(records, [&](const LogRecord& record) { return record.first < first; });
  epochs.TrimTo(first - 1);
}

Index NodeLog::Acked() const {
  Index acked = first - 1;
  for (const LogRecord& record : records) acked = std::max(acked, AckedOf(record));
  return acked;
}

// ---- the process

ReplicationNode::ReplicationNode(NodeId id, HistoryId history, ReplicationOracle& oracle,
                                 SendFn send)
    : id_(id), oracle_(oracle), send_(std::move(send)), disk_{.history = history} {}

void ReplicationNode::Start(Uptime now) {
  log_ = disk_.log;
  acked_ = log_.Acked();
  machine_ = std::make_unique<ReplicationMachine>(ReplicationMachine::Node{.id = id_,
                                                                           .history = disk_.history,
                                                                           .promise = disk_.promise,
                                                                           .epochs = log_.epochs,
                                                                           .first = log_.first,
                                                                           .last = log_.last(),
                                                                           .acked = acked_},
                                                  kTiming, now);
  Reload(acked_);
  for (Index index = 1; index <= acked_; ++index) {
    oracle_.Applied(id_, index, log_.batches[index - 1]);
  }
}

void ReplicationNode::Crash(Random& random) {
  for (uint64_t done = random.Below(disk_work_.size() + 1); done > 0; --done) {
    disk_work_.front().effect(disk_);
    disk_work_.pop_front();
  }
  disk_work_.clear();
  swaps_.clear();
  machine_.reset();
  answers_.clear();
  item_.reset();
  applied_ = 0;
}

void ReplicationNode::LoseSynced(Index last) { disk_.log.CutTo(last); }

void ReplicationNode::Wipe(NodeId id, HistoryId history) {
  id_ = id;
  disk_ = {.history = history};
}

// ---- what happens to it

void ReplicationNode::Receive(const NodeId& from, const NodeLetter& letter, Uptime now) {
  if (const auto* message = std::get_if<ReplicationMessage>(&letter); message != nullptr) {
    machine_->Receive(from, *message, now);
  } else {
    Take(from, std::get<NodeSnapshot>(letter), now);
  }
  Work();
}

void ReplicationNode::Take(const NodeId& from, const NodeSnapshot& snapshot, Uptime now) {
  if (!machine_->Install(from, snapshot.head, now)) return;
  Work();  // the promise goes to the disk before what it is about
  const HistoryId history = snapshot.head.history;
  log_ = {.batches = snapshot.batches,
          .epochs = snapshot.head.epochs,
          .first = snapshot.head.last.index + 1};
  disk_work_.push_back({.effect =
                            [history, log = log_](Disk& disk) {
                              disk.history = history;
                              disk.log = log;
                            },
                        .told = [this] { machine_->ResetDone(); }});
  acked_ = log_.last();
  Reload(acked_);
  for (Index index = 1; index <= acked_; ++index) {
    oracle_.Applied(id_, index, log_.batches[index - 1]);
  }
}

void ReplicationNode::Tick(Uptime now) {
  machine_->Tick(now);
  Work();
}

void ReplicationNode::DiskStep() {
  const DiskWork work = std::move(disk_work_.front());
  disk_work_.pop_front();
  work.effect(disk_);
  work.told();
  Work();
}

// It counts on its own, whatever else befell the group.
void ReplicationNode::GroupStoreAnswers(bool swapped) {
  const Epoch epoch = swaps_.front();
  swaps_.pop_front();
  std::optional<uint64_t> version;
  if (swapped) version = epoch;
  machine_->GroupSwapped(epoch, version);
  Work();
}

void ReplicationNode::Trim(Random& random) {
  std::vector<Index> places;
  for (const LogRecord& record : log_.records) {
    const bool on_disk = record.last <= disk_.log.last() && record.last <= machine_->stored();
    if (record.last <= machine_->acked() && on_disk) places.push_back(record.last + 1);
  }
  if (places.empty()) return;
  const Index first = places[random.Below(places.size())];
  log_.TrimTo(first);
  disk_work_.push_back({.effect = [first](Disk& disk) { disk.log.TrimTo(first); }, .told = [] {}});
  machine_->Trimmed(first);
  Work();
}

// ---- operators

void ReplicationNode::Lead(const std::vector<NodeId>& without) {
  machine_->Lead(without);
  Work();
}

void ReplicationNode::Follow(const NodeId& primary) {
  machine_->Follow(primary);
  Work();
}

void ReplicationNode::HandOver(const NodeId& to) {
  machine_->HandOver(to);
  Work();
}

bool ReplicationNode::ChangeSyncSet(std::vector<Member> sync_set,
                                    const std::vector<NodeId>& asked) {
  const bool begun = machine_->ChangeSyncSet(std::move(sync_set), asked);
  Work();
  return begun;
}

// ---- what the machine asks for

void ReplicationNode::Work() {
  while (!machine_->idle()) {
    for (const ReplicationAction& action : machine_->TakeActions()) {
      std::visit([this](const auto& one) { Carry(one); }, action);
    }
  }
}

void ReplicationNode::Carry(const SendMessage& send) { send_(id_, send.to, send.message); }

void ReplicationNode::Carry(const KeepPromise& keep) {
  const Promise promise = keep.promise;
  disk_work_.push_back({.effect = [promise](Disk& disk) { disk.promise = promise; },
                        .told = [this, promise] { machine_->PromiseKept(promise.epoch); }});
}

void ReplicationNode::Carry(const StoreRecords& store) {
  for (const LogRecord& record : store.records) {
    log_.Append(record);
    ToDisk(record);
  }
}

void ReplicationNode::ToDisk(const LogRecord& record) {
  disk_work_.push_back({.effect = [record](Disk& disk) { disk.log.Append(record); },
                        .told = [this, last = record.last] { machine_->StoredUpTo(last); }});
}

void ReplicationNode::Carry(const CutLog& cut) {
  const Index last = cut.last;
  if (applied_ > last && !cut.reload) oracle_.Wrong("a replica undoes what it applied");
  log_.CutTo(last);
  if (cut.reload) Reload(acked_);
  disk_work_.push_back({.effect = [last](Disk& disk) { disk.log.CutTo(last); },
                        .told = [this] { machine_->ResetDone(); }});
}

void ReplicationNode::Carry(const OpenEpoch& open) {
  Push({{.epoch = open.epoch}}, open.group);
  oracle_.Opened(id_, open.epoch, log_.batches);
  machine_->Opened(open, log_.last());
}

void ReplicationNode::Carry(const ShipRecords& ship) {
  AppendRecords append = machine_->HeadOfAppend(ship.from);
  const auto from = std::ranges::find(log_.records, ship.from, &LogRecord::first);
  if (from == log_.records.end()) {
    oracle_.Wrong("a primary is to ship what its log does not hold");
    return;
  }
  for (auto record = from; record != log_.records.end() && append.records.size() < kRecordsAtOnce;
       ++record) {
    if (record->last > ship.up_to) break;
    append.records.push_back(*record);
  }
  const Index last = append.records.back().last;
  send_(id_, ship.to, ReplicationMessage{.history = disk_.history, .body = std::move(append)});
  machine_->Shipped(ship.to, last);
}

// As of a record's end, all of it acked.
void ReplicationNode::Carry(const SendSnapshot& send) {
  Index last = log_.first - 1;
  for (const LogRecord& record : log_.records) {
    if (record.last <= machine_->acked()) last = record.last;
  }
  NodeSnapshot snapshot{.head = {.epoch = machine_->epochs().last(),
                                 .history = machine_->history(),
                                 .epochs = log_.epochs},
                        .batches = log_.batches};
  snapshot.head.last = {.epoch = log_.epochs.At(last), .index = last};
  snapshot.head.epochs.CutTo(last);
  snapshot.batches.resize(last);
  send_(id_, send.to, std::move(snapshot));
}

void ReplicationNode::Carry(const AckedUpTo& acked) {
  const Index before = std::exchange(acked_, acked.index);
  if (machine_->leads()) {
    oracle_.Acked(id_, machine_->epochs().last(), log_.batches, before, acked_);
    while (!answers_.empty() && answers_.front().index <= acked_) {
      answers_.front().told();
      answers_.pop_front();
    }
    return;
  }
  for (Index index = before + 1; index <= acked_; ++index) {
    oracle_.Applied(id_, index, log_.batches[index - 1]);
  }
  ApplyUpTo(acked_);
}

void ReplicationNode::Carry(const RoleChanged& changed) {
  if (changed.role == ReplicationRole::kReplica) {
    answers_.clear();  // who waits hears NOTACKED
  } else {
    ApplyUpTo(log_.last());
    if (!item_) Commit(ItemCreated{.at = FromUnixMs(1), .units = kSupply, .options = kOptions});
  }
}

void ReplicationNode::Carry(const Diverged&) {
  oracle_.Wrong("a primary's log contradicts what is acked");
}

// ---- the state

void ReplicationNode::Reload(Index index) {
  item_.reset();
  applied_ = 0;
  ApplyUpTo(index);
}

void ReplicationNode::ApplyUpTo(Index index) {
  for (; applied_ < index; ++applied_) {
    ByteReader reader(log_.batches[applied_].mutations);
    MutationView fact;
    while (NextMutation(reader, fact)) {
      ByteReader body(fact.body);
      if (fact.kind == MutationKind::kItemCreated) {
        item_.emplace(ItemCreated::DecodeBody(body), HashSeed{1});
      } else {
        Invariant(ApplyStockBody(*item_, fact.kind, fact.body));
      }
    }
  }
}

void ReplicationNode::Push(const std::vector<LogBatch>& batches, std::optional<Group> opens) {
  const LogRecord record{.epoch = batches.front().epoch,
                         .first = log_.last() + 1,
                         .last = log_.last() + batches.size(),
                         .opens = std::move(opens),
                         .bytes = Encode(machine_->acked(), batches)};
  log_.Append(record);
  ToDisk(record);
}

template <typename M>
void ReplicationNode::Commit(const M& mutation) {
  LogBatch batch{.epoch = machine_->epochs().last()};
  AppendMutation(batch.mutations, {.db = kStockDb, .slot = SlotOf(kSku), .key = kSku}, mutation);
  Push({batch}, std::nullopt);
  ApplyUpTo(log_.last());
  machine_->Pushed(log_.last());
}

// ---- clients

void ReplicationNode::Read(Uptime now) {
  // Of something that nothing has changed since.
  if (machine_->leads() && now < machine_->LeaseUntil()) oracle_.Read(id_, acked_);
}

void ReplicationNode::AnswerWhenAcked(std::function<void()> told) {
  if (acked_ >= log_.last()) return told();
  answers_.push_back({.index = log_.last(), .told = std::move(told)});
}

void ReplicationNode::Reserve(const std::string& hold, Units units, const std::string& buyer,
                              UnixMs now) {
  if (!machine_->leads() || machine_->handing_over()) return;
  const ReserveDecision decision =
      DecideReserve(*item_, {.hold_id = hold, .units = units, .buyer = buyer}, kLimits,
                    {.now = now, .due = kNever});
  if (decision.mutation) Commit(*decision.mutation);
  const Index index = log_.last();
  if (decision.outcome.status == ReserveStatus::kHeld) {
    AnswerWhenAcked([this, index, hold] { oracle_.ToldHeld(index, hold); });
  } else if (decision.outcome.status == ReserveStatus::kSoldOut) {
    AnswerWhenAcked([this, index] { oracle_.ToldSoldOut(index); });
  }
  Work();
}

void ReplicationNode::Confirm(const std::string& hold, UnixMs now) {
  if (!machine_->leads()) return;
  const ConfirmDecision decision =
      DecideConfirm(*item_, {.hold_id = hold}, kLimits, {.now = now, .due = kNever});
  if (decision.mutation) std::visit([this](const auto& one) { Commit(one); }, *decision.mutation);
  const Index index = log_.last();
  if (decision.outcome.status == ConfirmStatus::kConfirmed) {
    AnswerWhenAcked([this, index, hold] { oracle_.ToldHeld(index, hold); });
  }
  Work();
}

void ReplicationNode::Release(const std::string& hold, UnixMs now) {
  if (!machine_->leads()) return;
  const ReleaseDecision decision =
      DecideRelease(*item_, {.hold_id = hold}, kLimits, {.now = now, .due = kNever});
  if (decision.mutation) std::visit([this](const auto& one) { Commit(one); }, *decision.mutation);
  Work();
}

}  // namespace holdfast
