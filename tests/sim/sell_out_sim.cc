#include "tests/sim/sell_out_sim.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "protocol/resp_value.h"
#include "tests/sim/sim_server.h"

namespace holdfast {
namespace {

constexpr int kShards = 3;
constexpr int kSkus = 3;
constexpr int kStock = 12;
constexpr int kBuyersEach = 18;
constexpr int kCrashes = 4;
constexpr int kStepsPerLife = 250;
constexpr int kStepsToSellOut = 5'000;

// What a buyer was told outlives every crash; what he was not told he asks again.
struct Buyer {
  std::string sku;
  std::string hold;
  enum class Next : uint8_t { kReserve, kConfirm, kNothing } next = Next::kReserve;
  bool confirmed = false;
  SimClient* sim = nullptr;  // of this life
  bool waits = false;
};

class Life : public SimServer {
 public:
  Life(std::mt19937_64& random, const SimDisk& disk, std::vector<Buyer>& buyers, UnixMs now)
      : SimServer(kShards, random, disk, now), buyers_(buyers) {}

  void Open(bool first) {
    for (Buyer& buyer : buyers_) {
      buyer.sim = &cluster().Connect(Below(shards()));
      buyer.waits = false;
    }
    operator_ = &cluster().Connect(0);
    if (!first) return;
    for (int sku = 0; sku < kSkus; ++sku)
      Ask({"STOCK.CREATE", "sku-" + std::to_string(sku), std::to_string(kStock)});
  }

  void Live() {
    for (int left = Below(2 * kStepsPerLife); left > 0; --left) Step();
  }

  std::optional<std::string> SellOut() {
    bool all_done = false;
    for (int step = 0; step < kStepsToSellOut && !all_done; ++step) {
      all_done = true;
      for (Buyer& buyer : buyers_) {
        Send(buyer);
        all_done = all_done && buyer.next == Buyer::Next::kNothing;
      }
      TurnEveryWheel();
      HearAll();
    }
    if (!all_done) return "a buyer was never answered";
    for (int sku = 0; sku < kSkus; ++sku) {
      if (auto wrong = CheckSold("sku-" + std::to_string(sku))) return wrong;
    }
    return std::nullopt;
  }

 private:
  void Step() {
    switch (Below(6)) {
      case 0:
      case 1:
        Send(buyers_[static_cast<size_t>(Below(static_cast<int>(buyers_.size())))]);
        break;
      case 2:
        cluster().EndTurn(Below(shards()));
        break;
      case 3: {
        const int from = Below(shards());
        const int to = Below(shards());
        cluster().Deliver(from, to);
        break;
      }
      case 4:
        log().Step();
        if (Below(3) == 0) log().Sync();
        break;
      default:
        cluster().Wake(Below(shards()));
        PassTime(50);
        break;
    }
    HearAll();
  }

  void Send(Buyer& buyer) {
    if (buyer.waits || buyer.next == Buyer::Next::kNothing) return;
    buyer.waits = buyer.next == Buyer::Next::kReserve
                      ? cluster().Execute(*buyer.sim, {"RESERVE", buyer.sku, buyer.hold, "1"})
                      : cluster().Execute(*buyer.sim, {"CONFIRM", buyer.sku, buyer.hold});
  }

  void HearAll() {
    for (Buyer& buyer : buyers_) {
      if (buyer.sim->received.empty()) continue;
      RespValue reply;
      reply.Read(buyer.sim->received);
      const RespNode* const status = reply.Child(reply.root(), 0);
      const std::string told(status == nullptr ? reply.root().text : status->text);
      if (told == "HELD") buyer.next = Buyer::Next::kConfirm;
      if (told == "CONFIRMED") buyer.confirmed = true;
      if (told == "CONFIRMED" || told == "SOLDOUT") buyer.next = Buyer::Next::kNothing;
      buyer.waits = false;
      buyer.sim->received.clear();
    }
  }

  std::string Ask(const std::vector<std::string>& words) {
    cluster().Execute(*operator_, words);
    while (operator_->received.empty()) TurnEveryWheel();
    return std::exchange(operator_->received, {});
  }

  std::optional<std::string> CheckSold(const std::string& sku) {
    const std::string bytes = Ask({"STOCK.GET", sku});
    RespValue reply;
    reply.Read(bytes);
    const int64_t sold = reply.Field(reply.root(), "sold")->integer;
    if (sold != kStock) return "I11: " + sku + " sold " + std::to_string(sold) + " units";
    const auto bought = std::ranges::count_if(
        buyers_, [&](const Buyer& buyer) { return buyer.sku == sku && buyer.confirmed; });
    if (bought != kStock) return "I11: " + std::to_string(bought) + " buyers were told of " + sku;
    return std::nullopt;
  }

  std::vector<Buyer>& buyers_;
  SimClient* operator_ = nullptr;
};

}  // namespace

std::optional<std::string> RunSellOutSim(uint64_t seed) {
  std::mt19937_64 random(seed);
  SimDisk disk(random);
  std::vector<Buyer> buyers;
  for (int sku = 0; sku < kSkus; ++sku) {
    for (int i = 0; i < kBuyersEach; ++i)
      buyers.push_back({.sku = "sku-" + std::to_string(sku), .hold = "hold-" + std::to_string(i)});
  }
  UnixMs now = FromUnixMs(1'795'288'322'993);
  for (int life = 0; life <= kCrashes; ++life) {
    Life server(random, disk, buyers, now);
    if (auto wrong = server.Recover()) return wrong;
    server.Open(life == 0);
    if (life == kCrashes) return server.SellOut();
    server.Live();
    now = server.now();
    disk = server.Crash();
  }
  return std::nullopt;
}

}  // namespace holdfast
