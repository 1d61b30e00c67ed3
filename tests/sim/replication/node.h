// A node of a group without sockets, threads or files: the real machine and the real stock ledger,
// over a disk that can lose what it has not synced. It carries out what the machine asks for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/replication/machine.h"
#include "storage/base/random.h"
#include "storage/core/item.h"
#include "tests/sim/replication/oracle.h"

namespace holdfast {

// A log, in memory or on a disk.
struct NodeLog {
  LogBatches batches{};
  std::vector<LogRecord> records{};  // of the batches from `first` on
  Epochs epochs{};
  Index first = 1;

  Index last() const { return batches.size(); }
  void Append(const LogRecord& record);
  void CutTo(Index last);
  void TrimTo(Index first);
  // As far as the records tell.
  Index Acked() const;
};

// A state on its way: what the log held up to its end.
struct NodeSnapshot {
  SnapshotHead head{};
  LogBatches batches{};
};

using NodeLetter = std::variant<ReplicationMessage, NodeSnapshot>;

class ReplicationNode {
 public:
  using SendFn = std::function<void(const NodeId& from, const NodeId& to, NodeLetter letter)>;

  ReplicationNode(NodeId id, HistoryId history, ReplicationOracle& oracle, SendFn send);

  const NodeId& id() const { return id_; }
  bool up() const { return machine_ != nullptr; }
  // While it is up.
  const ReplicationMachine& machine() const { return *machine_; }
  const NodeLog& log() const { return log_; }
  const HistoryId& history() const { return disk_.history; }
  const NodeLog& log_on_disk() const { return disk_.log; }
  bool has_work_on_disk() const { return !disk_work_.empty(); }
  bool waits_for_group_store() const { return !swaps_.empty(); }

  // ---- the process
  void Start(Uptime now);
  // With so much of what the disk was at.
  void Crash(Random& random);
  // While it is down: the disk forgets what it had synced. Nothing forgives that but another
  // member.
  void LoseSynced(Index last);
  // While it is down: an empty directory, and so another node.
  void Wipe(NodeId id, HistoryId history);

  // ---- what happens to it
  void Receive(const NodeId& from, const NodeLetter& letter, Uptime now);
  void Tick(Uptime now);
  void DiskStep();
  // The group's store answers what it was first asked.
  void GroupStoreAnswers(bool swapped);
  void GroupStoreLosesAnswer() { swaps_.pop_front(); }
  void Trim(Random& random);

  // ---- operators
  void Lead(const std::vector<NodeId>& without);
  void Follow(const NodeId& primary);
  void HandOver(const NodeId& to);
  bool ChangeSyncSet(std::vector<Member> sync_set, const std::vector<NodeId>& asked);

  // ---- clients: of the SKU; nothing unless it leads. The answer leaves when it is acked.
  void Read(Uptime now);
  void Reserve(const std::string& hold, Units units, const std::string& buyer, UnixMs now);
  void Confirm(const std::string& hold, UnixMs now);
  void Release(const std::string& hold, UnixMs now);

 private:
  struct Disk {
    HistoryId history{};
    Promise promise{};
    NodeLog log{};
  };
  struct DiskWork {
    std::function<void(Disk&)> effect;
    std::function<void()> told;
  };
  struct Answer {
    Index index = 0;
    std::function<void()> told;
  };

  void Work();
  void Carry(const SendMessage& send);
  void Carry(const KeepPromise& keep);
  void Carry(const StoreRecords& store);
  void Carry(const CutLog& cut);
  void Carry(const SwapGroup& swap) { swaps_.push_back(swap.epoch); }
  void Carry(const OpenEpoch& open);
  void Carry(const ShipRecords& ship);
  void Carry(const SendSnapshot& send);
  void Carry(const AckedUpTo& acked);
  void Carry(const RoleChanged& changed);
  void Carry(const LeadRefused&) {}
  void Carry(const Diverged& diverged);

  void Take(const NodeId& from, const NodeSnapshot& snapshot, Uptime now);
  void ToDisk(const LogRecord& record);
  void Push(const std::vector<LogBatch>& batches, std::optional<Group> opens);
  template <typename M>
  void Commit(const M& mutation);
  void AnswerWhenAcked(std::function<void()> told);

  void ApplyUpTo(Index index);
  void Reload(Index index);

  NodeId id_;
  ReplicationOracle& oracle_;
  SendFn send_;
  Disk disk_;

  // Gone with a crash.
  std::deque<DiskWork> disk_work_;
  std::deque<Epoch> swaps_;
  std::unique_ptr<ReplicationMachine> machine_;
  NodeLog log_;
  std::optional<Item> item_;
  Index applied_ = 0;
  Index acked_ = 0;
  std::deque<Answer> answers_;
};

}  // namespace holdfast
