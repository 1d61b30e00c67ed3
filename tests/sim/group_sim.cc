#include "tests/sim/group_sim.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "protocol/resp_value.h"
#include "tests/sim/sim_server.h"

namespace holdfast {
namespace {

constexpr int kAccounts = 6;
constexpr int64_t kEach = 100;
constexpr int kActors = 9;
constexpr int kLookers = 4;  // the last of them: they only ask about pairs
constexpr int kStepsToSettle = 20'000;

using Words = std::vector<std::string>;

std::string Account(int n) { return "account-" + std::to_string(n); }
std::string Sku(int n) { return "pair-" + std::to_string(n); }

// What all actors together know: what was acknowledged must be seen by whoever asks afterwards.
struct Known {
  int64_t version = 0;          // of the accounts: moves with every transfer
  std::set<std::string> pairs;  // holds that stand on both SKUs
  int64_t pair_count = 0;       // of the transactions that made them
};

// One client, one operation at a time.
class Actor {
 public:
  SimClient* sim = nullptr;
  std::deque<Words> to_send;
  size_t awaited = 0;  // replies
  enum class Doing : uint8_t { kNothing, kTransfer, kReadAll, kWatch, kSwap, kPair, kLook, kNoise };
  Doing doing = Doing::kNothing;
  int from = 0;
  int to = 0;
  int64_t balances[2] = {};
  int64_t version_before = 0;
  std::string hold;
};

class Life : public SimServer {
 public:
  Life(const GroupSimOptions& options, std::mt19937_64& random, const SimDisk& disk, Known& known,
       UnixMs now)
      : SimServer(options.shards, random, disk, now), options_(options), known_(known) {}

  void ConnectAll() {
    for (int i = 0; i < kActors; ++i) {
      actors_.emplace_back();
      actors_.back().sim = &cluster().Connect(Below(shards()));
    }
  }

  std::optional<std::string> Open() {
    Actor& actor = actors_.front();
    actor.to_send.push_back({"MULTI"});
    for (int n = 0; n < kAccounts; ++n)
      actor.to_send.push_back({"SET", Account(n), std::to_string(kEach)});
    for (int n = 0; n < 2; ++n) actor.to_send.push_back({"STOCK.CREATE", Sku(n), "1000000"});
    actor.to_send.push_back({"EXEC"});
    return Settle();
  }

  // After a crash: whole transactions or none of them, and all that was acknowledged with stock.
  std::optional<std::string> CheckAfterCrash() {
    known_.version = 0;  // ordinary keys may lose a suffix
    Begin(actors_.front(), Actor::Doing::kReadAll);
    if (auto wrong = Settle()) return wrong;
    for (const std::string& hold : std::set(known_.pairs)) {
      if (auto wrong = CheckPair(hold, true)) return wrong;
    }
    return std::nullopt;
  }

  std::optional<std::string> Live() {
    for (int step = 0; step < options_.steps && !problem_; ++step) Step();
    if (auto wrong = Settle()) return wrong;
    Begin(actors_.front(), Actor::Doing::kReadAll);
    if (auto wrong = Settle()) return wrong;
    // And once more under way, so that the crash finds something.
    for (int step = 0; step < options_.steps && !problem_; ++step) Step();
    return problem_;
  }

 private:
  void Step() {
    switch (Below(11)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const int number = Below(kActors);
        Actor& actor = actors_[static_cast<size_t>(number)];
        if (actor.awaited == 0 && actor.to_send.empty()) {
          using enum Actor::Doing;
          constexpr Actor::Doing kAll[] = {kTransfer, kTransfer, kReadAll, kWatch,
                                           kWatch,    kPair,     kPair,    kNoise};
          Begin(actor, number >= kActors - kLookers ? kLook : kAll[Below(8)]);
        }
        SendOne(actor);
        break;
      }
      case 4:
      case 5:
        cluster().EndTurn(Below(shards()));
        break;
      case 6:
      case 7: {
        const int to = Below(shards());
        for (int from = 0; from < shards(); ++from) {
          if (Below(2) == 0) cluster().Deliver(from, to);
        }
        break;
      }
      case 8:
        log().Step();
        if (Below(12) == 0) log().Sync();
        break;
      case 9:
        cluster().Wake(Below(shards()));
        break;
      default:
        if (Below(40) == 0) Leave(actors_[static_cast<size_t>(Below(kActors))]);
        PassTime(300);
        break;
    }
    HearAll();
  }

  // In the middle of whatever it does; what it asked for is done wholly or not at all.
  void Leave(Actor& actor) {
    cluster().Disconnect(*actor.sim);
    actor = Actor{};
    actor.sim = &cluster().Connect(Below(shards()));
  }

  void Begin(Actor& actor, Actor::Doing doing) {
    actor.doing = doing;
    actor.from = Below(kAccounts);
    actor.to = (actor.from + 1 + Below(kAccounts - 1)) % kAccounts;
    actor.version_before = known_.version;
    const std::string amount = std::to_string(1 + Below(9));
    std::deque<Words>& send = actor.to_send;
    switch (doing) {
      case Actor::Doing::kTransfer:
        send = {{"MULTI"},
                {"DECRBY", Account(actor.from), amount},
                {"INCRBY", Account(actor.to), amount},
                {"INCR", "version"},
                {"EXEC"}};
        break;
      case Actor::Doing::kReadAll:
        send = {{"MULTI"}};
        for (int n = 0; n < kAccounts; ++n) send.push_back({"GET", Account(n)});
        send.push_back({"GET", "version"});
        send.push_back({"EXEC"});
        break;
      case Actor::Doing::kWatch:
        send = {{"WATCH", Account(actor.from), Account(actor.to)},
                {"GET", Account(actor.from)},
                {"GET", Account(actor.to)}};
        break;
      case Actor::Doing::kPair:
        actor.hold = "pair-" + std::to_string(++last_hold_) + "-" + std::to_string(Below(1000));
        last_pair_ = actor.hold;
        send = {{"MULTI"},
                {"RESERVE", Sku(0), actor.hold, "1"},
                {"INCR", "pairs"},
                {"RESERVE", Sku(1), actor.hold, "1"},
                {"EXEC"}};
        break;
      case Actor::Doing::kLook:
        // Whoever is told of a pair may count on it, like the one who made it.
        actor.hold = last_pair_;
        send = {{"HOLD.GET", Sku(Below(2)), actor.hold}};
        break;
      case Actor::Doing::kNoise:
        // Holds that run out while groups pass, and keys in the accounts' slots.
        send = {{"RESERVE", Sku(Below(2)), "noise-" + std::to_string(++last_hold_), "1", "EX", "1"},
                {"SET", "{" + Account(actor.from) + "}noise", "x", "PX", "300"},
                {"GET", "{" + Account(actor.to) + "}noise"},
                {"STOCK.AVAIL", Sku(0), Sku(1)},
                {"DBSIZE"}};
        break;
      case Actor::Doing::kSwap:
      case Actor::Doing::kNothing:
        break;
    }
  }

  void SendOne(Actor& actor) {
    if (actor.to_send.empty()) return;
    if (!cluster().Execute(*actor.sim, actor.to_send.front())) return;
    actor.to_send.pop_front();
    ++actor.awaited;
  }

  void HearAll() {
    for (Actor& actor : actors_) Hear(actor);
  }
  void Hear(Actor& actor) {
    std::string& bytes = actor.sim->received;
    while (!bytes.empty() && !problem_) {
      RespValue reply;
      const ReplyRead read = reply.Read(bytes);
      if (read.state != ReplyRead::State::kComplete || actor.awaited == 0) {
        problem_ = "a reply that nobody asked for";
        return;
      }
      --actor.awaited;
      const RespNode& root = reply.root();
      if (root.type == RespType::kError) problem_ = "an error: " + std::string(root.text);
      if (actor.awaited == 0 && actor.to_send.empty()) {
        if (auto wrong = Ended(actor, reply)) problem_ = wrong;
      } else if (actor.doing == Actor::Doing::kWatch) {
        actor.balances[0] = IntegerOf(root.text);
      }
      bytes.erase(0, read.bytes);
    }
  }

  // 0 for what is no number: an absent key, the OK of a WATCH.
  static int64_t IntegerOf(std::string_view text) {
    int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  // The last reply of what the actor was doing.
  std::optional<std::string> Ended(Actor& actor, const RespValue& reply) {
    const RespNode& root = reply.root();
    const Actor::Doing done = std::exchange(actor.doing, Actor::Doing::kNothing);
    switch (done) {
      case Actor::Doing::kTransfer:
        return SawVersion(actor, reply.Child(root, 2)->integer, true);
      case Actor::Doing::kReadAll:
        return CheckAccounts(actor, reply);
      case Actor::Doing::kWatch:
        actor.balances[1] = IntegerOf(root.text);
        actor.doing = Actor::Doing::kSwap;
        actor.to_send = {{"MULTI"},
                         {"SET", Account(actor.from), std::to_string(actor.balances[0] - 1)},
                         {"SET", Account(actor.to), std::to_string(actor.balances[1] + 1)},
                         {"INCR", "version"},
                         {"EXEC"}};
        return std::nullopt;
      case Actor::Doing::kSwap:
        if (root.type == RespType::kNull) return std::nullopt;  // somebody was there before
        return SawVersion(actor, reply.Child(root, 2)->integer, true);
      case Actor::Doing::kPair:
        for (const size_t at : {0U, 2U}) {
          const RespNode* outcome = reply.Child(root, at);
          if (outcome == nullptr || reply.Child(*outcome, 0)->text != "HELD")
            return "a pair was not held";
        }
        known_.pairs.insert(actor.hold);
        return std::nullopt;
      case Actor::Doing::kLook:
        if (root.type != RespType::kNull) known_.pairs.insert(actor.hold);
        return std::nullopt;
      case Actor::Doing::kNoise:
      case Actor::Doing::kNothing:
        return std::nullopt;
    }
    return std::nullopt;
  }

  // Whoever began after an answer was heard sees at least what that answer told.
  std::optional<std::string> SawVersion(const Actor& actor, int64_t version, bool moved) {
    if (version < actor.version_before + (moved ? 1 : 0)) return "the past was read: version";
    known_.version = std::max(known_.version, version);
    return std::nullopt;
  }

  std::optional<std::string> CheckAccounts(const Actor& actor, const RespValue& reply) {
    int64_t sum = 0;
    for (int n = 0; n < kAccounts; ++n)
      sum += IntegerOf(reply.Child(reply.root(), static_cast<size_t>(n))->text);
    if (sum != kAccounts * kEach) return "half a transfer was seen: " + std::to_string(sum);
    return SawVersion(actor, IntegerOf(reply.Child(reply.root(), kAccounts)->text), false);
  }

  std::optional<std::string> CheckPair(const std::string& hold, bool must) {
    for (int n = 0; n < 2; ++n) {
      Actor& actor = actors_.front();
      actor.doing = Actor::Doing::kNothing;
      actor.to_send = {{"HOLD.GET", Sku(n), hold}};
      SendOne(actor);
      actor.to_send.push_back({"PING"});  // so that the reply before the last is kept
      if (auto wrong = Settle(
              [&](const RespValue& reply) { found_ = reply.root().type != RespType::kNull; })) {
        return wrong;
      }
      if (must && !found_) return hold + " was acknowledged and is gone";
    }
    return std::nullopt;
  }

  // Turns every wheel until everybody has been answered.
  template <typename F>
  std::optional<std::string> Settle(F&& first_reply) {
    Actor& actor = actors_.front();
    bool heard = false;
    for (int step = 0; step < kStepsToSettle && !problem_; ++step) {
      TurnEveryWheel();
      if (!heard && !actor.sim->received.empty()) {
        RespValue reply;
        reply.Read(actor.sim->received);
        first_reply(reply);
        heard = true;
      }
      HearAll();
      bool idle = true;
      for (Actor& each : actors_) {
        SendOne(each);
        idle = idle && each.awaited == 0 && each.to_send.empty();
      }
      if (idle) return problem_;
    }
    return problem_ ? problem_ : "somebody was never answered";
  }
  std::optional<std::string> Settle() {
    return Settle([](const RespValue&) {});
  }

  const GroupSimOptions& options_;
  Known& known_;
  std::vector<Actor> actors_;
  int last_hold_ = 0;
  std::string last_pair_ = "none";
  bool found_ = false;
  std::optional<std::string> problem_;
};

}  // namespace

std::optional<std::string> RunGroupSim(uint64_t seed, const GroupSimOptions& options) {
  std::mt19937_64 random(seed);
  SimDisk disk(random);
  Known known;
  UnixMs now = FromUnixMs(1'795'288'322'993);
  for (int life = 0; life <= options.crashes; ++life) {
    Life server(options, random, disk, known, now);
    const auto told = [&](const std::optional<std::string>& wrong) {
      return "life " + std::to_string(life) + ": " + *wrong;
    };
    if (auto wrong = server.Recover()) return told(wrong);
    server.ConnectAll();
    if (auto wrong = life == 0 ? server.Open() : server.CheckAfterCrash()) return told(wrong);
    if (auto wrong = server.Live()) return told(wrong);
    now = server.now();
    disk = server.Crash();
  }
  return std::nullopt;
}

}  // namespace holdfast
