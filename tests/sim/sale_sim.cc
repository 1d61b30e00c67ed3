#include "tests/sim/sale_sim.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "protocol/resp_value.h"
#include "tests/sim/sim_server.h"

namespace holdfast {
namespace {

constexpr int kSkus = 4;
constexpr int kNewSkus = 60;  // made while the sale runs
constexpr int kHoldIds = 40;  // few, so that retries and clashes happen
constexpr int kClients = 6;
constexpr int kReaders =
    2;  // of them: who also writes would wait for its own writes and hide what reads do
constexpr int kStepsToSettle = 20'000;

// ---- what was promised

// Of a hold or a SKU: the furthest that any acknowledged answer told.
struct HoldFact {
  std::string state;
};
struct SkuFact {
  int64_t seq = 0;
  int64_t sold = 0;
};

class Oracle {
 public:
  using Words = std::vector<std::string>;

  // An answer left the server. Two clients' answers may be heard in another order than they were
  // given in, so while the sale runs only what no order explains is wrong.
  std::optional<std::string> Heard(const Words& asked, const RespValue& reply) {
    const RespNode& root = reply.root();
    if (TellsOfSku(asked[0], reply)) known.insert(asked[1]);
    if (root.type == RespType::kError) return std::nullopt;
    if (asked[0] == "STOCK.GET") return HeardStock(asked[1], reply);
    if (asked[0] != "RESERVE" && asked[0] != "CONFIRM" && asked[0] != "RELEASE")
      return std::nullopt;
    const std::string status(reply.Child(root, 0)->text);
    const bool final_state = status == "CONFIRMED" || status == "RELEASED" || status == "EXPIRED";
    if (!final_state && status != "HELD") return std::nullopt;  // a refusal
    std::string& state = holds[{asked[1], asked[2]}].state;
    const bool ahead = MayBecome(state, status);
    if (!ahead && !MayBecome(status, state)) {
      return asked[1] + " " + asked[2] + ": told " + state + " and " + status;
    }
    if (ahead) state = status;
    return std::nullopt;
  }

  // HELD may become anything, EXPIRED may be confirmed by RECLAIM, nothing else moves.
  static bool MayBecome(const std::string& told, const std::string& now) {
    return told.empty() || told == now || told == "HELD" ||
           (told == "EXPIRED" && now == "CONFIRMED");
  }

  std::map<std::pair<std::string, std::string>, HoldFact> holds;
  std::map<std::string, SkuFact> skus;
  std::set<std::string> known;  // SKUs that somebody was told of, in whatever words

 private:
  static bool TellsOfSku(const std::string& command, const RespValue& reply) {
    const RespNode& root = reply.root();
    if (command == "STOCK.CREATE") return root.text == "OK" || root.text.starts_with("EXISTS");
    if (command == "DEL") return root.text.starts_with("PROTECTED");
    if (command == "TYPE") return root.text == "stock";
    if (command == "STOCK.AVAIL") return reply.Child(root, 0)->type == RespType::kInteger;
    return false;
  }

  std::optional<std::string> HeardStock(const std::string& sku, const RespValue& reply) {
    const auto figure = [&](std::string_view name) {
      return reply.Field(reply.root(), name)->integer;
    };
    if (figure("available") + figure("held") + figure("sold") != figure("supplied")) {
      return sku + " does not balance";
    }
    SkuFact& fact = skus[sku];
    fact = {.seq = std::max(fact.seq, figure("seq")), .sold = std::max(fact.sold, figure("sold"))};
    return std::nullopt;
  }
};

// ---- one life of the server, from a start to a crash

class Life : public SimServer {
 public:
  Life(const SaleSimOptions& options, std::mt19937_64& random, const SimDisk& disk, Oracle& oracle,
       UnixMs now)
      : SimServer(options.shards, random, disk, now, {.lies = options.lies}),
        options_(options),
        oracle_(oracle) {}

  void Open() {
    for (int i = 0; i < kClients; ++i)
      clients_.push_back({&cluster().Connect(Below(shards())), {}});
  }

  // Everything that was ever acknowledged must be so.
  std::optional<std::string> CheckPromises() {
    for (const auto& [id, fact] : std::map(oracle_.holds)) {
      if (auto wrong = Ask({"HOLD.GET", id.first, id.second})) return wrong;
      if (answer_.root().type == RespType::kNull)
        return id.second + " was " + fact.state + " and is gone";
      const std::string now(answer_.Field(answer_.root(), "state")->text);
      if (!Oracle::MayBecome(fact.state, now))
        return id.second + " was " + fact.state + " and is " + now;
    }
    for (const auto& [sku, fact] : std::map(oracle_.skus)) {
      if (auto wrong = Ask({"STOCK.GET", sku})) return wrong;
      if (answer_.root().type == RespType::kError) return sku + " is gone";
      if (answer_.Field(answer_.root(), "seq")->integer < fact.seq) return sku + ": seq went back";
      if (answer_.Field(answer_.root(), "sold")->integer < fact.sold)
        return sku + ": units are unsold";
      if (auto wrong = Ask({"STOCK.AUDIT", sku})) return wrong;
      if (answer_.Field(answer_.root(), "bad")->integer != 0) return sku + " fails its audit";
    }
    for (const std::string& sku : std::set(oracle_.known)) {
      if (auto wrong = Ask({"STOCK.GET", sku})) return wrong;
      if (answer_.root().type == RespType::kError) return sku + " was told of and is gone";
    }
    return CheckOrdinaryKeys();
  }

  std::optional<std::string> MakeSkus() {
    for (int sku = 0; sku < kSkus; ++sku) {
      const std::string limit = sku % 2 == 0 ? "0" : "3";
      if (auto wrong = Ask(
              {"STOCK.CREATE", Sku(sku), std::to_string(8 + sku), "LIMIT", limit, "TTL", "5"})) {
        return wrong;
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> Live() {
    for (int step = 0; step < options_.steps && !problem_; ++step) Step();
    return problem_;
  }

 private:
  struct Buyer {
    SimClient* sim;
    std::deque<std::vector<std::string>> asked;
  };

  static std::string Sku(int n) { return "sku-" + std::to_string(n); }

  void Step() {
    switch (Below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        SendRandom();
        break;
      case 4:
      case 5:
        cluster().EndTurn(Below(shards()));
        break;
      case 6:
      case 7:
        DeliverRandom();
        break;
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

  void DeliverRandom() {
    const int from = Below(shards());  // one after the other: the same seed for every compiler
    const int to = Below(shards());
    cluster().Deliver(from, to);
  }

  void SendRandom() {
    const int client = Below(kClients);
    Send(clients_[static_cast<size_t>(client)], client < kReaders ? RandomRead() : RandomCommand());
  }

  std::vector<std::string> RandomRead() {
    switch (Below(6)) {
      case 0:
        return {"DEL", NewSku()};
      case 1:
        return {"TYPE", NewSku()};
      case 2:
        return {"STOCK.AVAIL", NewSku(), Sku(Below(kSkus))};
      default:
        return {"STOCK.GET", Sku(Below(kSkus))};
    }
  }

  // One that may or may not have been made by now.
  std::string NewSku() { return "new-" + std::to_string(Below(kNewSkus)); }

  // Whoever leaves is owed nothing; somebody else comes, maybe to another shard.
  void Reconnect(Buyer& buyer) {
    cluster().Disconnect(*buyer.sim);
    buyer = {&cluster().Connect(Below(shards())), {}};
  }

  std::vector<std::string> RandomCommand() {
    const std::string sku = Sku(Below(kSkus));
    const std::string hold = "hold-" + std::to_string(Below(kHoldIds));
    switch (Below(11)) {
      case 10:
        return {"STOCK.CREATE", NewSku(), "1"};
      case 0:
      case 1:
      case 2:
      case 3:
        // The id fixes units and buyer: a retry asks what was asked.
        return {"RESERVE",           sku, hold, std::to_string(1 + hold.back() % 3), "BUYER",
                "b" + hold.substr(5)};
      case 4:
        return {"CONFIRM", sku, hold};
      case 5:
        return {"CONFIRM", sku, hold, "RECLAIM"};
      case 6:
        return {"RELEASE", sku, hold};
      case 7:
      case 8:
        return {"STOCK.GET", sku};
      default:
        return {"INCR", "{n}first"};
    }
  }

  void Send(Buyer& buyer, std::vector<std::string> words) {
    if (!cluster().Execute(*buyer.sim, words)) return;
    buyer.asked.push_back(words);
    // Two keys of one slot, always raised one after the other: see CheckOrdinaryKeys.
    if (words[0] == "INCR" && words[1] == "{n}first") Send(buyer, {"INCR", "{n}second"});
  }

  void HearAll() {
    for (Buyer& buyer : clients_) Hear(buyer);
  }
  void Hear(Buyer& buyer) {
    std::string& bytes = buyer.sim->received;
    while (!bytes.empty()) {
      const ReplyRead read = answer_.Read(bytes);
      if (read.state != ReplyRead::State::kComplete || buyer.asked.empty()) {
        problem_ = "a reply that nobody asked for";
        return;
      }
      if (auto wrong = oracle_.Heard(buyer.asked.front(), answer_); wrong && !problem_)
        problem_ = wrong;
      last_answer_.assign(bytes, 0, read.bytes);
      bytes.erase(0, read.bytes);
      buyer.asked.pop_front();
    }
  }

  // Sends, then turns every wheel until the reply is there; it stands in answer_.
  std::optional<std::string> Ask(const std::vector<std::string>& words) {
    Buyer& buyer = clients_.front();
    Send(buyer, words);
    for (int step = 0; step < kStepsToSettle && !buyer.asked.empty(); ++step) {
      TurnEveryWheel();
      HearAll();
    }
    if (!buyer.asked.empty()) return "no answer to " + words[0] + ": somebody was not woken";
    answer_.Read(last_answer_);
    return problem_;
  }

  // Ordinary keys may lose a suffix of the log, never something in its middle. Each buyer raises
  // the first key, then the second: however the end was cut, they differ by what was under way.
  std::optional<std::string> CheckOrdinaryKeys() {
    int64_t raised[2] = {};
    for (int key = 0; key < 2; ++key) {
      if (auto wrong = Ask({"GET", key == 0 ? "{n}first" : "{n}second"})) return wrong;
      const std::string text(answer_.root().text);
      raised[key] = text.empty() ? 0 : std::stoll(text);
    }
    if (raised[1] > raised[0] || raised[1] < raised[0] - kClients) {
      return "ordinary keys lost more than a suffix";
    }
    return std::nullopt;
  }

  const SaleSimOptions& options_;
  Oracle& oracle_;
  std::vector<Buyer> clients_;
  RespValue answer_;
  std::string last_answer_;
  std::optional<std::string> problem_;
};

}  // namespace

std::optional<std::string> RunSaleSim(uint64_t seed, const SaleSimOptions& options) {
  std::mt19937_64 random(seed);
  SimDisk disk(random);
  Oracle oracle;
  UnixMs now = FromUnixMs(1'795'288'322'993);
  for (int life = 0; life <= options.crashes; ++life) {
    Life server(options, random, disk, oracle, now);
    if (auto wrong = server.Recover()) return "life " + std::to_string(life) + ": " + *wrong;
    server.Open();
    if (life == 0) {
      if (auto wrong = server.MakeSkus()) return wrong;
    }
    if (auto wrong = server.CheckPromises()) return "life " + std::to_string(life) + ": " + *wrong;
    if (auto wrong = server.Live()) return "life " + std::to_string(life) + ": " + *wrong;
    now = server.now();
    disk = server.Crash();
  }
  return std::nullopt;
}

}  // namespace holdfast
