// The way of a request through the server, without its socket: parsed, read ahead, executed, its
// reply encoded and its change pushed, 16 in each turn, as server/net/connection.cc does it. Each
// case prepares, then calls CountedRun once; instructions.py has callgrind count what happens in
// there.
//
// Prints a line for each case, in order: its name and its operations.
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bench/request_template.h"
#include "storage/base/invariant.h"
#include "tests/sim/one_shard.h"

using CountedTask = std::function<void()>;

// A name that no compiler decorates, for callgrind to find.
extern "C" __attribute__((noinline)) void CountedRun(const CountedTask* task) { (*task)(); }

namespace holdfast {
namespace {

constexpr uint64_t kPipeline = 16;
constexpr uint64_t kTurns = 256;
constexpr uint64_t kOperations = kPipeline * kTurns;
constexpr uint64_t kKeys = 5000;

using Words = std::vector<std::string>;

class Counted {
 public:
  Counted() {
    Ask({"STOCK.CREATE", "open", "1000000", "LIMIT", "5", "OPENS", "1", "CLOSES", kCloses});
    Ask({"STOCK.CREATE", "gone", "0", "LIMIT", "5", "OPENS", "1", "CLOSES", kCloses});
    Ask({"STOCK.CREATE", "later", "10", "LIMIT", "5", "OPENS", kOpensLater, "CLOSES", kCloses});
    for (int i = 0; i < 5; ++i) {
      Ask({"RESERVE", "open", "early-" + std::to_string(i), "1", "BUYER", "buyer-full"});
    }
  }

  void CountAll() {
    const std::string value(64, 'x');
    const Words set{"SET", "key:<key:12>", value};
    CountParse(set);
    CountWatch();
    CountTwice("set", set, "+OK");
    CountTwice("get", {"GET", "key:<key:12>"}, "$64");
    const std::string session(256, 'x');
    CountTwice("session", {"SET", "session:<key:9>", session, "EX", "1800"}, "+OK");
    CountTwice("reserve", Reserve("open", "buyer-<buyer:10>"), "*4\r\n+HELD");
    CountTwice("confirm", {"CONFIRM", "open", kHold}, "*2\r\n+CONFIRMED");
    CountTwice("soldout", Reserve("gone", "buyer-<buyer:10>"), "*4\r\n+SOLDOUT");
    CountTwice("early", Reserve("later", "buyer-<buyer:10>"), "*4\r\n+EARLY");
    CountTwice("limit", Reserve("open", "buyer-full", "other-<hold:18>"), "*4\r\n+LIMIT");
  }

 private:
  static constexpr const char* kHold = "order-<hold:18>";
  static constexpr const char* kCloses = "4102444800000";
  static constexpr const char* kOpensLater = "4102444700000";

  static Words Reserve(const std::string& sku, const std::string& buyer,
                       const std::string& hold = kHold) {
    return {"RESERVE", sku, hold, "1", "EX", "900", "BUYER", buyer};
  }

  void Ask(const Words& words) {
    std::string request;
    bench::AppendCommand(request, words);
    shard_.RunTurn(request);
    Invariant(!shard_.received().starts_with('-'));
  }

  // The requests of each turn; keys come round, holds never do.
  std::vector<std::string> Turns(const Words& words, uint64_t first) const {
    const bench::RequestTemplate request(words);
    std::vector<std::string> turns(kTurns);
    for (uint64_t i = 0; i < kOperations; ++i) {
      const uint64_t number = first + i;
      request.AppendTo(turns[i / kPipeline],
                       {.hold = number, .buyer = number / 3, .key = number * 7919 % kKeys});
    }
    return turns;
  }

  static void Count(const char* name, const CountedTask& task) {
    CountedRun(&task);
    std::printf("%s %llu\n", name, static_cast<unsigned long long>(kOperations));
  }

  // Once for tables and buffers to get their size, once for the count.
  void CountTwice(const char* name, const Words& words, std::string_view answer) {
    for (const std::string& turn : Turns(words, 0)) shard_.RunTurn(turn);
    const std::vector<std::string> turns = Turns(words, kOperations);
    Count(name, [&] {
      for (const std::string& turn : turns) shard_.RunTurn(turn);
    });
    Invariant(shard_.received().starts_with(answer));
  }

  void CountParse(const Words& words) {
    const std::vector<std::string> turns = Turns(words, 0);
    Count("parse", [&] {
      for (std::string_view turn : turns) {
        RespParser::Words words_read;
        while (!turn.empty()) turn.remove_prefix(parser_.Parse(turn, {}, words_read).consumed);
      }
    });
  }

  // What the slow log, the latency monitor and the statistics take of a command that is not slow.
  void CountWatch() {
    Shard& shard = shard_.shard();
    const Words words{"GET", "key"};
    const std::vector<std::string_view> views(words.begin(), words.end());
    const Request request = shard_.router().Read(views);
    Count("watch", [&] {
      for (uint64_t i = 0; i < kOperations; ++i) {
        shard.watch().Ran(*request.command, views, {}, shard_.now());
      }
    });
  }

  OneShard shard_;
  RespParser parser_;
};

}  // namespace
}  // namespace holdfast

int main() { holdfast::Counted().CountAll(); }
