#include "tests/sim/ledger_sim.h"

#include <algorithm>
#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "protocol/resp_value.h"
#include "storage/core/stock.h"
#include "tests/sim/explain.h"
#include "tests/sim/ledger_commands.h"
#include "tests/sim/referee.h"

namespace holdfast {
namespace {

constexpr int kClients = 6;
// Of them: who also writes would wait for its own writes and hide what reads do.
constexpr int kReaders = 2;
constexpr int kStepsToSettle = 20'000;
constexpr int kStepsBetweenLooks = 150;  // on average
constexpr int kStepsOfTheDead = 40;

Config ShopConfig() {
  Config config;
  config.restart_grace = std::chrono::seconds(1);
  config.hold_max_life = std::chrono::seconds(12);
  config.hold_ttl = std::chrono::seconds(4);
  config.hold_retention = std::chrono::seconds(5);
  config.fence_max = 3;
  return config;
}

LedgerLimits ShopLimits() {
  const Config config = ShopConfig();
  return {.hold_life_max = config.hold_max_life,
          .ttl_default = config.hold_ttl,
          .retention_default = config.hold_retention,
          .fence_max = static_cast<uint32_t>(config.fence_max)};
}

class Life : public SimServer {
 public:
  Life(const LedgerSimOptions& options, std::mt19937_64& random, const SimDisk& disk,
       Referee& referee, UnixMs now)
      : SimServer(options.shards, random, disk, now,
                  {.config = ShopConfig(),
                   .on_push =
                       [&referee](Index index, std::string_view mutations) {
                         referee.Heard(index, mutations);
                       }}),
        options_(options),
        referee_(referee),
        commands_(random) {}

  // After Recover. `durable` is what the last life had acknowledged.
  std::optional<std::string> CheckRecovered(Index durable) {
    if (replayed() < durable) {
      return "I7: index " + std::to_string(durable) + " was durable, the log ends at " +
             std::to_string(replayed());
    }
    referee_.StartLife(replayed(), log().LastPushed());
    grace_armed_ = replayed() > 0;
    if (grace_armed_) referee_.SetGrace(UnixMs::max());
    if (auto wrong = referee_.Compare(cluster())) return "after the recovery: " + *wrong;
    return std::nullopt;
  }

  void Open(bool first) {
    LetPeersBeQuick([this] { HearAll(); });
    for (int i = 0; i < kClients; ++i) clients_.push_back({.sim = &Connect()});
    if (!first) return;
    for (int sku = 0; sku < LedgerCommands::kSkus; ++sku)
      clients_.back().to_send.push_back(LedgerCommands::Create(sku, now()));
  }

  void PlanFault(uint64_t write, uint64_t sync) {
    if (write > 0) log().FailWrite(write);
    if (sync > 0) log().FailSync(sync);
  }

  std::optional<std::string> Live(int steps) {
    for (int step = 0; step < steps && !Wrong() && !stopped(); ++step) {
      Step();
      if (Below(kStepsBetweenLooks) == 0) LookWhenQuiet();
    }
    if (stopped()) StayDead();
    return Wrong();
  }

  int ChooseSteps() { return 1 + Below(2 * options_.steps); }
  bool stopped() const { return !fatal().empty(); }
  Index durable() { return log().Durable(); }

 private:
  struct Sent {
    Asked asked;
    std::vector<CommandLine> queued = {};  // of an EXEC
  };
  struct Buyer {
    SimClient* sim = nullptr;
    std::deque<CommandLine> to_send = {};
    std::deque<Sent> sent = {};
    std::vector<CommandLine> queued = {};  // since MULTI
  };

  const std::optional<std::string>& Wrong() const { return referee_.wrong(); }
  SimClient& Connect() { return cluster().Connect(Below(shards())); }

  // The process would be gone: nothing may be acknowledged any more, whatever still happens.
  void StayDead() {
    const Index durable = log().Durable();
    for (int step = 0; step < kStepsOfTheDead && !Wrong(); ++step) Step();
    if (log().Durable() != durable) referee_.Complain("I7: acknowledged after the disk failed");
  }

  void Step() {
    switch (Below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        SendSomething();
        break;
      case 4:
      case 5:
        cluster().EndTurn(Below(shards()));
        break;
      case 6:
      case 7: {
        const int from = Below(shards());
        const int to = Below(shards());
        cluster().Deliver(from, to);
        break;
      }
      case 8:
        log().Step();
        break;
      case 9:
        if (Below(3) == 0) log().Sync();
        break;
      case 10:
        cluster().Wake(Below(shards()));
        break;
      default:
        if (Below(20) == 0) Reconnect(clients_[static_cast<size_t>(Below(kClients))]);
        PassTime(400);
        break;
    }
    HearAll();
  }

  // Whoever leaves is owed nothing; somebody else comes, maybe to another shard.
  void Reconnect(Buyer& buyer) {
    cluster().Disconnect(*buyer.sim);
    buyer = {.sim = &Connect()};
  }

  void SendSomething() {
    const int number = Below(kClients);
    Buyer& buyer = clients_[static_cast<size_t>(number)];
    if (buyer.to_send.empty()) {
      if (number < kReaders) {
        buyer.to_send = {commands_.Read()};
      } else {
        buyer.to_send = commands_.Some(now());
      }
    }
    // Pipelined, often into one letter.
    for (bool more = true; more; more = Below(3) != 0 && !buyer.to_send.empty()) Send(buyer);
  }

  void Send(Buyer& buyer) {
    if (buyer.to_send.empty() || buyer.sim->client.blocked()) return;
    Sent sent;
    sent.asked.words = std::move(buyer.to_send.front());
    buyer.to_send.pop_front();
    const CommandLine& words = sent.asked.words;
    sent.asked.log_end = log().LastPushed();
    sent.asked.at = now();
    if (grace_armed_) referee_.SetGrace(now() + ShopConfig().restart_grace);
    grace_armed_ = false;
    if (words[0] == "EXEC") {
      sent.queued = std::exchange(buyer.queued, {});
    } else if (buyer.sim->client.transaction != nullptr) {
      buyer.queued.push_back(words);
    }
    sent.asked.grew = Execute(*buyer.sim, words);
    buyer.sent.push_back(std::move(sent));
  }

  // I10: whether anything grew, in the turn's batch or in memory, where the command ran at once and
  // nothing of its SKU was due.
  bool Execute(SimClient& client, const CommandLine& words) {
    Shard& shard = cluster().shard(client.shard);
    shard.SetNow(now());
    const bool here =
        words.size() > 1 && cluster().state().map.OwnerOf(SlotOf(words[1])) == shard.id();
    const Item* const item =
        here ? shard.keyspace().FindStock(shard.At(kStockDb, words[1])) : nullptr;
    const bool due = item != nullptr && HasDue(*item, shard.state_now());
    const size_t batch = shard.pending_bytes();
    const size_t memory = shard.keyspace().MemoryBytes();
    cluster().Execute(client, words);
    return here && !due &&
           (shard.pending_bytes() != batch || shard.keyspace().MemoryBytes() != memory);
  }

  void HearAll() {
    for (Buyer& buyer : clients_) Hear(buyer);
  }
  void Hear(Buyer& buyer) {
    std::string& bytes = buyer.sim->received;
    while (!bytes.empty() && !Wrong()) {
      const ReplyRead read = reply_.Read(bytes);
      if (read.state != ReplyRead::State::kComplete || buyer.sent.empty()) {
        return referee_.Complain("a reply that nobody asked for");
      }
      referee_.Trace(bytes.substr(0, read.bytes));
      Judge(buyer.sent.front());
      bytes.erase(0, read.bytes);
      buyer.sent.pop_front();
    }
  }

  void Judge(const Sent& sent) {
    const HeardAt heard{.durable = log().Durable(), .log_end = log().LastPushed(), .at = now()};
    const RespNode& root = reply_.root();
    if (root.text == "OK" && sent.asked.words[0] == "MULTI") return;
    if (root.text == "QUEUED") return;
    if (sent.asked.words[0] != "EXEC") return JudgeOne(sent.asked, root, heard);
    if (root.size != sent.queued.size()) return referee_.Complain("EXEC did not run");
    for (size_t i = 0; i < sent.queued.size(); ++i) {
      Asked part = sent.asked;
      part.words = sent.queued[i];
      JudgeOne(part, *reply_.Child(root, i), heard);
    }
  }

  void JudgeOne(const Asked& asked, const RespNode& node, const HeardAt& heard) {
    std::string wrong = Explain(referee_, asked, reply_, node, heard);
    if (!wrong.empty()) referee_.Complain(std::move(wrong));
  }

  // Until everybody is answered and nothing is under way; then memory and log tell the same.
  void LookWhenQuiet() {
    for (int step = 0; step < kStepsToSettle && !Wrong() && !stopped(); ++step) {
      TurnEveryWheel();
      HearAll();
      bool idle = cluster().Quiet();
      for (Buyer& buyer : clients_) {
        Send(buyer);
        idle = idle && buyer.sent.empty() && buyer.to_send.empty();
      }
      if (!idle) continue;
      if (auto wrong = referee_.Compare(cluster())) referee_.Complain("memory and log: " + *wrong);
      return;
    }
    if (!stopped()) referee_.Complain("somebody was never answered");
  }

  const LedgerSimOptions& options_;
  Referee& referee_;
  LedgerCommands commands_;
  std::vector<Buyer> clients_;
  RespValue reply_;
  bool grace_armed_ = false;
};

}  // namespace

LedgerSimRun RunLedgerSim(uint64_t seed, const LedgerSimOptions& options) {
  std::mt19937_64 random(seed);
  SimDisk disk(random);
  Referee referee(ShopLimits());
  LedgerSimRun run;
  UnixMs now = FromUnixMs(1'795'288'322'993);
  Index durable = 0;
  for (int life = 0; life <= options.crashes && !run.wrong; ++life) {
    Life server(options, random, disk, referee, now);
    run.wrong = server.Recover();
    if (!run.wrong) run.wrong = server.CheckRecovered(durable);
    if (!run.wrong) {
      server.Open(life == 0);
      if (life > 0 || options.fail_write + options.fail_sync == 0) {
        const uint64_t write = random() % 200;
        const uint64_t sync = random() % 100;
        server.PlanFault(write < 60 ? write : 0, sync < 20 ? sync : 0);
      } else {
        server.PlanFault(options.fail_write, options.fail_sync);
      }
      const bool chosen = life == 0 && options.first_steps > 0;
      run.wrong = server.Live(chosen ? options.first_steps : server.ChooseSteps());
      run.fault_met |= life == 0 && server.stopped();
    }
    if (run.wrong) run.wrong = "life " + std::to_string(life) + ": " + *run.wrong;
    durable = server.durable();
    now = server.now();
    disk = server.Crash();
  }
  run.trace = referee.trace();
  return run;
}

}  // namespace holdfast
