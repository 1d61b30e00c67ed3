#include "tests/sim/replication/replication_sim.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/random.h"
#include "tests/sim/replication/node.h"
#include "tests/sim/replication/oracle.h"

namespace holdfast {
namespace {

constexpr int kStepsMin = 800;
constexpr int kStepsMore = 2400;
constexpr Uptime kStep{4};
constexpr size_t kLettersMax = 400;
constexpr int64_t kEpochOfTime = 1'795'288'322'993;
// Long enough for every retry, and for a change of the sync set to be given up.
constexpr int kStepsToHeal = 10'000;
constexpr Uptime kWatch{1'000};

struct Letter {
  NodeId from{};
  NodeId to{};
  NodeLetter letter{};
};

// How bad it is, this time.
struct Weather {
  uint64_t loss = 0;  // percent
  uint64_t doubling = 0;
  uint64_t disorder = 0;
  uint64_t crashes = 0;  // of 10,000 steps
  uint64_t partitions = 0;
  uint64_t pauses = 0;
  uint64_t operators = 0;
  uint64_t trims = 0;
  uint64_t disk_speed = 0;  // percent of steps in which a disk comes to something
  // The group's store: percent of steps in which it comes to something, and of what it is asked
  // that it refuses, for no reason at all, or that it never answers.
  uint64_t store_speed = 100;
  uint64_t store_refusals = 0;
  uint64_t store_losses = 0;
};

class Sim {
 public:
  explicit Sim(uint64_t seed) : random_(seed) {}

  ReplicationFigures Run() {
    Build();
    const int steps = kStepsMin + static_cast<int>(random_.Below(kStepsMore));
    for (int step = 0; step < steps && Fine(); ++step) Step();
    if (Fine()) Heal();
    if (!Fine()) figures_.wrong = oracle_.wrong() + Describe();
    figures_.acked = oracle_.acked();
    return figures_;
  }

 private:
  using Node = ReplicationNode;

  // ---- the group

  void Build() {
    const uint64_t nodes = 3 + random_.Below(3);
    const HistoryId history = NewHistory();
    for (uint64_t i = 0; i < nodes; ++i) {
      nodes_.push_back(
          std::make_unique<Node>(NewId(), i == 0 ? history : NewHistory(), oracle_,
                                 [this](const NodeId& from, const NodeId& to, NodeLetter letter) {
                                   Post(from, to, std::move(letter));
                                 }));
      nodes_.back()->Start(now_);
      paused_.push_back(false);
      cut_.emplace_back(nodes, false);
      wants_to_lead_.push_back(i == 0);
    }
    weather_ = {.loss = Pick({0, 1, 5, 20}),
                .doubling = Pick({0, 1, 10}),
                .disorder = Pick({0, 5, 40}),
                .crashes = Pick({0, 20, 100}),
                .partitions = Pick({0, 20, 80}),
                .pauses = Pick({0, 20, 50}),
                .operators = Pick({10, 50, 150}),
                .trims = Pick({0, 30}),
                .disk_speed = Pick({20, 50, 90}),
                .store_speed = Pick({10, 50, 100, 100}),
                .store_refusals = Pick({0, 0, 20}),
                .store_losses = Pick({0, 0, 20})};
    At(0).Lead({});
    // An asynchronous group, or one whose members have joined before it gets rough.
    for (uint64_t i = 1; i < nodes; ++i) At(i).Follow(At(0).id());
    const Weather rough = std::exchange(weather_, {.disk_speed = 90});
    for (int step = 0; step < 300; ++step) Step();
    const uint64_t members = random_.Below(nodes);
    for (uint64_t i = 1; i <= members; ++i) {
      for (int tries = 0; tries < 20 && !IsMember(i); ++tries) {
        Join(0, i);
        for (int step = 0; step < 60; ++step) Step();
      }
    }
    weather_ = rough;
  }

  NodeId NewId() {
    NodeId id;
    id.bytes[0] = static_cast<char>('A' + ids_++ % 26);
    id.bytes[1] = static_cast<char>(ids_ / 26);
    return id;
  }
  HistoryId NewHistory() {
    HistoryId id;
    id.bytes[0] = 'h';
    id.bytes[1] = static_cast<char>(++histories_);
    return id;
  }

  uint64_t Pick(std::initializer_list<uint64_t> of) { return of.begin()[random_.Below(of.size())]; }
  // For whoever looks into one seed.
  std::string Describe() {
    std::string text;
    for (const auto& node : nodes_) text += "\n  " + DescribeNode(*node);
    return text;
  }
  static std::string NameOf(const NodeId& id) {
    return id == NodeId() ? "nobody" : std::string(1, id.bytes[0]);
  }
  static std::string DescribeNode(const Node& node) {
    if (!node.up()) return NameOf(node.id()) + " down";
    const ReplicationMachine& machine = node.machine();
    const Promise& promise = machine.promise();
    std::string text = NameOf(node.id());
    text += machine.leads() ? " leads" : " follows";
    text += machine.campaigning() ? ", campaigns" : "";
    text += ", promised " + std::to_string(promise.epoch) + " to " + NameOf(promise.primary);
    text += promise.leaving ? ", leaving" : "";
    text += "; epoch " + std::to_string(machine.epochs().last());
    text += ", log " + std::to_string(node.log().first) + " to " + std::to_string(machine.last());
    text += ", stored " + std::to_string(machine.stored());
    text += ", acked " + std::to_string(machine.acked()) + "; members";
    for (const Member& member : machine.epochs().group().sync_set) text += " " + NameOf(member.id);
    return text;
  }
  bool Fine() const { return oracle_.wrong().empty(); }
  Node& At(uint64_t i) { return *nodes_[i]; }
  uint64_t AnyNode() { return random_.Below(nodes_.size()); }
  std::optional<uint64_t> Find(const NodeId& id) const {
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i]->id() == id) return i;
    }
    return std::nullopt;
  }
  // The node that opened the latest epoch among those that lead.
  std::optional<uint64_t> Leader() const {
    std::optional<uint64_t> best;
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i]->up() || !nodes_[i]->machine().leads()) continue;
      if (!best || nodes_[i]->machine().epoch() > nodes_[*best]->machine().epoch()) best = i;
    }
    return best;
  }
  bool IsMember(uint64_t i) {
    return At(i).up() && At(i).machine().epochs().group().Has(At(i).id());
  }

  // ---- the network

  void Post(const NodeId& from, const NodeId& to, NodeLetter letter) {
    if (std::holds_alternative<NodeSnapshot>(letter)) ++figures_.snapshots;
    if (letters_.size() >= kLettersMax) letters_.erase(letters_.begin());
    if (random_.Percent(weather_.loss)) return;
    if (random_.Percent(weather_.doubling)) letters_.push_back({from, to, letter});
    letters_.push_back({from, to, std::move(letter)});
  }

  void DeliverOne() {
    if (letters_.empty()) return;
    const uint64_t place = random_.Percent(weather_.disorder) ? random_.Below(letters_.size()) : 0;
    const auto at = letters_.begin() + static_cast<std::ptrdiff_t>(place);
    const auto from = Find(at->from);
    const auto to = Find(at->to);
    if (to && paused_[*to] && At(*to).up()) {
      // It lies there until the process goes on; others do not wait for it.
      std::rotate(at, at + 1, letters_.end());
      return;
    }
    const Letter letter = std::move(*at);
    letters_.erase(at);
    if (!from || !to || cut_[*from][*to] || !At(*to).up()) return;
    At(*to).Receive(letter.from, letter.letter, now_);
  }

  // ---- time

  void Step() {
    ++figures_.steps;
    now_ += kStep;
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (At(i).up() && !paused_[i] && random_.Percent(50)) At(i).Tick(now_);
    }
    for (uint64_t letters = 1 + random_.Below(2 * nodes_.size()); letters > 0; --letters) {
      DeliverOne();
    }
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (!At(i).up() || paused_[i]) continue;
      while (At(i).has_work_on_disk() && random_.Percent(weather_.disk_speed)) At(i).DiskStep();
      while (At(i).waits_for_group_store() && random_.Percent(weather_.store_speed)) AskStore(i);
    }
    if (random_.Percent(60)) Shop();
    if (forgetful_ && HasAllOnDisk(*forgetful_)) forgetful_.reset();
    Disturb();
  }

  // Nothing may depend on what it says.
  void AskStore(uint64_t i) {
    if (random_.Percent(weather_.store_losses)) return At(i).GroupStoreLosesAnswer();
    At(i).GroupStoreAnswers(!random_.Percent(weather_.store_refusals));
  }

  bool Chance(uint64_t of_10000) { return random_.Below(10'000) < of_10000; }

  void Disturb() {
    if (Chance(weather_.crashes)) CrashOne();
    if (Chance(4 * weather_.crashes)) RestartOne();
    if (Chance(weather_.partitions)) Partition();
    if (Chance(2 * weather_.partitions)) HealNetwork();
    if (Chance(weather_.pauses)) PauseOne();
    if (Chance(4 * weather_.pauses)) std::fill(paused_.begin(), paused_.end(), false);
    if (Chance(weather_.operators)) Operate();
    if (Chance(weather_.trims)) TrimOne();
  }

  // ---- clients: whoever leads, or thinks so, is asked; the ids are few, so that they are retried

  void Shop() {
    const uint64_t i = AnyNode();
    if (!At(i).up() || paused_[i]) return;
    const std::string hold = "h" + std::to_string(random_.Below(200));
    const std::string buyer = "b" + std::to_string(hold.back() % 5);
    const UnixMs now = FromUnixMs(kEpochOfTime + now_.count());
    switch (random_.Below(8)) {
      case 0:
      case 1:
        return At(i).Read(now_);
      case 2:
        return At(i).Confirm(hold, now);
      case 3:
        return At(i).Release(hold, now);
      default:
        return At(i).Reserve(hold, 1 + hold.back() % 2, buyer, now);
    }
  }

  // ---- faults

  void CrashOne() {
    const uint64_t i = AnyNode();
    if (!At(i).up() || MustStayUp(i)) return;
    wants_to_lead_[i] = At(i).machine().leads();
    At(i).Crash(random_);
    paused_[i] = false;
    if (random_.Percent(10) && AnotherHasAll(i)) return Wipe(i);
    if (random_.Percent(10)) Forget(i);
  }

  // A node's own knowledge, up or down.
  static const Epochs& EpochsOf(const Node& node) {
    return node.up() ? node.log().epochs : node.log_on_disk().epochs;
  }
  // As somebody knows it who has watched the group all along.
  const Epochs& Latest() const {
    const auto latest = std::ranges::max_element(
        nodes_, {}, [](const auto& node) { return EpochsOf(*node).last(); });
    return EpochsOf(**latest);
  }

  // A group may lose a disk for good if the latest epoch has another member, and no member was
  // asked to go: it would be bound to what this node may have done without it.
  bool AnotherHasAll(uint64_t i) {
    if (asked_to_go_) return false;
    return std::ranges::any_of(Latest().group().sync_set, [&](const Member& member) {
      const auto at = Find(member.id);
      return at && *at != i && condemned_.count(member.id) == 0 &&
             EpochsOf(At(*at)).last() == Latest().last();
    });
  }

  // A directory is lost. The operator tells the others, if they are to go on without it.
  void Wipe(uint64_t i) {
    At(i).Wipe(NewId(), NewHistory());
    wants_to_lead_[i] = false;
  }

  // A disk forgets what it had synced: the rules answer for it as long as another member has all
  // that is acked, knows that it is, and stays up until this one has it again.
  void Forget(uint64_t i) {
    if (forgetful_ || asked_to_go_ || At(i).log_on_disk().records.empty()) return;
    const Group group = At(i).log_on_disk().epochs.group();
    std::optional<uint64_t> keeper;
    for (const Member& member : group.sync_set) {
      const auto other = Find(member.id);
      if (!other || *other == i || !At(*other).up()) continue;
      const ReplicationMachine& machine = At(*other).machine();
      const bool same = machine.epochs().last() == At(i).log_on_disk().epochs.last();
      if (same && member.id != group.primary && machine.acked() == oracle_.acked()) keeper = other;
    }
    if (!keeper) return;
    const NodeLog& log = At(i).log_on_disk();
    const LogRecord& record = log.records[random_.Below(log.records.size())];
    if (record.epoch != log.epochs.last() || record.opens) return;
    forgetful_ = i;
    keeper_ = *keeper;
    At(i).LoseSynced(record.first - 1);
    // Nothing is acked without it from here on: the primary must not go on without knowing.
    for (uint64_t other = 0; other < nodes_.size(); ++other) {
      if (At(other).id() == group.primary && other != i && At(other).up()) {
        wants_to_lead_[other] = true;
        At(other).Crash(random_);
      }
    }
    At(i).Start(now_);
    At(i).Lead({});
  }
  bool HasAllOnDisk(uint64_t i) {
    const LogBatches& batches = At(i).log_on_disk().batches;
    const LogBatches& acked = oracle_.history();
    return batches.size() >= acked.size() &&
           std::equal(acked.begin(), acked.end(), batches.begin());
  }
  bool MustStayUp(uint64_t i) const { return forgetful_ && (i == keeper_ || i == *forgetful_); }

  void RestartOne() {
    const uint64_t i = AnyNode();
    if (!At(i).up()) Restart(i);
  }
  // As its configuration says: it goes on leading, or follows somebody.
  void Restart(uint64_t i) {
    At(i).Start(now_);
    if (wants_to_lead_[i]) return At(i).Lead({});
    const auto leader = Leader();
    At(i).Follow(At(leader ? *leader : (i + 1) % nodes_.size()).id());
  }

  void Partition() {
    const uint64_t from = AnyNode();
    const uint64_t to = AnyNode();
    cut_[from][to] = true;
    if (random_.Percent(50)) cut_[to][from] = true;
    if (random_.Percent(70)) return;
    for (uint64_t other = 0; other < nodes_.size(); ++other) {
      cut_[from][other] = cut_[other][from] = true;
    }
  }
  void HealNetwork() {
    for (auto& row : cut_) std::fill(row.begin(), row.end(), false);
  }

  void PauseOne() { paused_[AnyNode()] = true; }
  void TrimOne() {
    const uint64_t i = AnyNode();
    if (At(i).up()) At(i).Trim(random_);
  }

  // ---- operators

  void Operate() {
    const uint64_t i = AnyNode();
    if (!At(i).up()) return;
    switch (random_.Below(7)) {
      case 0:  // wrong or right: whether a node may is for the node to know
        if (condemned_.count(At(i).id()) == 0) At(i).Lead({});
        return;
      case 1:
        At(i).Follow(At(AnyNode()).id());
        return;
      case 2:
        return Watch();
      case 6:
        return At(i).HandOver(At(AnyNode()).id());
      case 3:
        return Join(i, AnyNode());
      case 4:
        return Leave(i, AnyNode());
      default:
        return Expel(i);
    }
  }

  // As Sentinel does it: whoever leads is followed; where nobody does, the one that knows most is
  // to lead.
  void Watch() {
    auto leader = Leader();
    if (!leader) {
      leader = MostKnowing();
      if (!leader) return;
      At(*leader).Lead({});
    }
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (i != *leader && At(i).up()) At(i).Follow(At(*leader).id());
    }
  }
  // One that was left out may lead if nothing has come, or can come, of its being left out.
  bool MayLead(uint64_t i) {
    if (condemned_.count(At(i).id()) == 0) return true;
    const bool quiet = std::ranges::none_of(nodes_, [&](const auto& node) {
      return node->id() != At(i).id() &&
             (!node->up() || node->machine().leads() || node->machine().campaigning());
    });
    return healing_ && quiet && At(i).machine().epochs().last() == Latest().last();
  }
  bool IsLeaving(uint64_t i) {
    const ReplicationMachine& machine = At(i).machine();
    return machine.promise().leaving && machine.promise().epoch > machine.epochs().last();
  }
  std::optional<uint64_t> MostKnowing() {
    std::optional<uint64_t> best;
    const auto known = [&](uint64_t i) {
      return std::pair(At(i).machine().epochs().last(), At(i).machine().last());
    };
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (!IsMember(i) || !MayLead(i) || IsLeaving(i)) continue;
      if (!best || known(i) > known(*best)) best = i;
    }
    return best;
  }

  void Join(uint64_t leader, uint64_t joins) {
    if (!At(leader).up() || !At(leader).machine().serves()) return;
    std::vector<Member> sync_set = At(leader).machine().epochs().group().sync_set;
    const NodeId id = At(joins).id();
    if (At(leader).machine().epochs().group().Has(id)) return;
    if (At(leader).machine().MatchOf(id) < At(leader).machine().acked()) return;
    sync_set.push_back({.id = id});
    At(leader).ChangeSyncSet(std::move(sync_set), {});
  }

  // In order: it promises to go.
  void Leave(uint64_t leader, uint64_t leaves) {
    if (leader == leaves || forgetful_ || !At(leader).machine().serves()) return;
    std::vector<Member> sync_set = At(leader).machine().epochs().group().sync_set;
    const NodeId id = At(leaves).id();
    if (std::erase_if(sync_set, [&](const Member& member) { return member.id == id; }) == 0) return;
    asked_to_go_ = true;
    At(leader).ChangeSyncSet(std::move(sync_set), {id});
  }

  // Members that are gone for good, or believed to be: nobody asks them, and they must not lead
  // before they are back in. Only a member of the latest epoch may go on without others.
  void Expel(uint64_t i) {
    if (At(i).machine().epochs().last() != Latest().last()) return;
    const Group group = At(i).machine().epochs().group();
    std::vector<Member> sync_set;
    std::vector<NodeId> gone;
    for (const Member& member : group.sync_set) {
      const auto at = Find(member.id);
      const bool is_lost = !at || !At(*at).up();
      if (is_lost && member.id != At(i).id()) {
        gone.push_back(member.id);
      } else {
        sync_set.push_back(member);
      }
    }
    if (gone.empty()) return;
    if (At(i).machine().leads()) {
      if (!At(i).ChangeSyncSet(std::move(sync_set), {})) return;
    } else if (At(i).machine().campaigning() && MayLead(i)) {
      At(i).Lead(gone);
    } else {
      return;
    }
    for (const NodeId& id : gone) {
      condemned_.insert(id);
      if (const auto at = Find(id)) wants_to_lead_[*at] = false;
    }
  }

  // ---- the end

  void Heal() {
    healing_ = true;
    weather_ = {.disk_speed = 90};
    HealNetwork();
    std::fill(paused_.begin(), paused_.end(), false);
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (!At(i).up()) Restart(i);
    }
    Uptime watched = now_;
    for (int step = 0; step < kStepsToHeal && Fine(); ++step) {
      Step();
      if (now_ - watched < kWatch) continue;
      watched = now_;
      if (Healed()) return;
      Watch();
      ReplaceLost();
    }
    if (Fine()) oracle_.Wrong("it does not go on after everything has healed");
  }

  // What is in the sync set and will never answer again holds up everything, until somebody says
  // so.
  void ReplaceLost() {
    for (uint64_t i = 0; i < nodes_.size(); ++i) {
      if (At(i).machine().leads() || At(i).machine().campaigning()) Expel(i);
    }
  }

  bool Healed() {
    const auto leader = Leader();
    if (!leader || !At(*leader).machine().serves()) return false;
    const ReplicationMachine& machine = At(*leader).machine();
    if (machine.acked() != oracle_.acked() || machine.campaigning()) return false;
    if (healed_at_ == 0) {
      // Always something new, even where all is sold.
      healed_at_ = oracle_.acked();
      At(*leader).Release("after-all", FromUnixMs(kEpochOfTime + now_.count()));
      return false;
    }
    return std::ranges::all_of(nodes_, [&](const auto& node) {
      return node->machine().acked() > healed_at_ &&
             node->machine().leads() == (node->id() == At(*leader).id());
    });
  }

  Random random_;
  Weather weather_;
  ReplicationFigures figures_;
  ReplicationOracle oracle_;
  Uptime now_{1'000};
  int ids_ = 0;
  int histories_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<bool> paused_;
  std::vector<std::vector<bool>> cut_;  // from, to
  std::vector<bool> wants_to_lead_;     // at its next start
  std::vector<Letter> letters_;

  std::set<NodeId> condemned_;  // left out without having been asked
  bool asked_to_go_ = false;
  std::optional<uint64_t> forgetful_;
  uint64_t keeper_ = 0;
  bool healing_ = false;
  Index healed_at_ = 0;
};

}  // namespace

ReplicationFigures RunReplicationSim(uint64_t seed) { return Sim(seed).Run(); }

}  // namespace holdfast
