#include "bench/arguments.h"

#include <algorithm>
#include <optional>

#include "storage/base/parse_int.h"

namespace holdfast::bench {
namespace {

constexpr const char* kUsage =
    R"(holdfast-bench: load and scenarios for any server that speaks RESP

  holdfast-bench --load NAME [options]       one load shape; prints requests/s and latencies
  holdfast-bench --scenario masks [options]  220,000 buyers, 50,000 masks, and an audit

Server
  --host H (127.0.0.1)  --port N (6379)  --socket PATH  --password P
  --or-port N     another server of its group, any number of times: the one that leads is asked

Loads: ping set get session hset mset mget reserve confirm release lifecycle reads
       soldout early limit (RESERVEs that are refused so)
  -c N            connections (50)
  -P N            requests in flight on each connection (1)
  -n N            requests in all (100000)
  --seconds N     instead of -n: as long as this
  --rate N        open loop: N requests a second, whatever the server does; latency counts from the
                  instant at which a request was due, not from when it could be sent
  --lua           for a plain Redis: the sale as Lua scripts (the full ones, same semantics)
  --lua-bare      reserve and soldout only: the script that only checks and decrements
  --skus N        SKUs that a sale spreads over (1: one hot SKU)
  --holds-per-buyer N  holds of one unit that a buyer takes, 1 to 5 (3)
  --keys N        keys of set, get, session, hset, mset, mget and reads (100000)
  --value-bytes N size of their values (64)
  --in-order      these keys one after the other, instead of by chance
  --tag T         all keys of the load carry {T}, and so share a slot
  --ends-at MS    sessions and holds end then (Unix time), 10 to 99 s from each request on
  --on-shard N    of Holdfast's shards, only connections that this one serves
  --prepared      the load's keys are there, of an earlier run or on a replica: nothing is written before it
  --server-pid N  reports also the CPU time of this local process while the load runs

Scenario masks
  --buyers N (220000)   --connections N (200, at most 200)   --stock N (50000)
  --limit N (5)         units per buyer, 1 to 5
  --open-in S (3)       seconds until the sale opens
  --hold-s S (5)        a hold's time to live
  --reconnect-s S (60)  gives up after so long without any connection
  --max-seconds S (240) ends the sale even when units are left
  --sku NAME            default: a new name for each run

Both
  --seed N (1)          a run is repeated by its seed
  --json FILE           the summary as JSON
  --quiet               no progress line

Exit status: 0 good; 1 the server failed, answered with errors, or the audit found a difference;
2 the command line is wrong.
)";

constexpr std::string_view kLoads[] = {"ping",      "set",   "get",     "session", "hset",
                                       "mset",      "mget",  "reserve", "confirm", "release",
                                       "lifecycle", "reads", "soldout", "early",   "limit"};

struct NumberOption {
  std::string_view name;
  uint64_t* value = nullptr;
  uint64_t least = 1;
  uint64_t most = 1'000'000'000'000;
};

struct TextOption {
  std::string_view name;
  std::string* value = nullptr;
};

// The command line, word by word.
class Words {
 public:
  Words(std::span<const char* const> words, Arguments& out) : words_(words), out_(out) {}

  Status ParseAll() {
    while (at_ < words_.size()) {
      if (Status status = ParseOne(words_[at_++]); !status.ok()) return status;
    }
    return Status::Ok();
  }

 private:
  Status ParseOne(std::string_view name) {
    if (ParseSwitch(name)) return Status::Ok();
    if (name == "--port") return ParsePort(name, out_.address.port);
    if (name == "--on-shard") return ParseNumber({name, &out_.on_shard.emplace(), 0, 63});
    if (name == "--or-port") return ParsePort(name, out_.address.or_ports.emplace_back());
    MasksArguments& masks = out_.masks;
    const TextOption texts[] = {
        {"--host", &out_.address.host},
        {"--socket", &out_.address.socket},
        {"--password", &out_.address.password},
        {"--load", &out_.load},
        {"--scenario", &out_.scenario},
        {"--json", &out_.json},
        {"--tag", &out_.tag},
        {"--sku", &masks.sku},
    };
    for (const TextOption& option : texts) {
      if (option.name == name) return ParseText(option);
    }
    const NumberOption numbers[] = {
        {"-c", &out_.connections, 1, 10'000},
        {"-P", &out_.pipeline, 1, 10'000},
        {"-n", &out_.requests},
        {"--seconds", &out_.seconds, 1, 86'400},
        {"--rate", &out_.rate, 1, 100'000'000},
        {"--skus", &out_.skus, 1, 10'000},
        {"--holds-per-buyer", &out_.holds_per_buyer, 1, kSaleLimit},
        {"--keys", &out_.keys, 1, 1'000'000'000},
        {"--value-bytes", &out_.value_bytes, 1, 1 << 20},
        {"--seed", &out_.seed, 0},
        {"--ends-at", &out_.ends_at_ms, 1, 9'999'999'999'999},
        {"--server-pid", &out_.server_pid, 1, 1 << 30},
        {"--buyers", &masks.buyers, 1, 10'000'000},
        {"--connections", &masks.connections, 1, 200},
        {"--stock", &masks.stock, 1, 1'000'000'000},
        {"--limit", &masks.limit, 1, 5},
        {"--open-in", &masks.open_in_s, 0, 3600},
        {"--hold-s", &masks.hold_s, 1, 3600},
        {"--reconnect-s", &masks.reconnect_s, 0, 3600},
        {"--max-seconds", &masks.seconds_max, 1, 86'400},
    };
    for (const NumberOption& option : numbers) {
      if (option.name == name) return ParseNumber(option);
    }
    return Status::Invalid("unknown option '" + std::string(name) + "'");
  }

  bool ParseSwitch(std::string_view name) {
    if (name == "--help" || name == "-h") {
      out_.help = true;
    } else if (name == "--quiet") {
      out_.quiet = true;
    } else if (name == "--in-order") {
      out_.in_order = true;
    } else if (name == "--prepared") {
      out_.prepared = true;
    } else if (name == "--lua") {
      out_.dialect = Dialect::kLua;
    } else if (name == "--lua-bare") {
      out_.dialect = Dialect::kLuaBare;
    } else {
      return false;
    }
    return true;
  }

  std::optional<std::string_view> Value() {
    if (at_ == words_.size()) return std::nullopt;
    return words_[at_++];
  }

  Status ParseText(const TextOption& option) {
    const auto value = Value();
    if (!value) return Missing(option.name);
    *option.value = *value;
    return Status::Ok();
  }

  Status ParseNumber(const NumberOption& option) {
    const auto value = Value();
    if (!value) return Missing(option.name);
    const auto number = ParseUint64(*value);
    if (!number || *number < option.least || *number > option.most) {
      return Status::Invalid(std::string(option.name) + " takes a number from " +
                             std::to_string(option.least) + " to " + std::to_string(option.most) +
                             ", not '" + std::string(*value) + "'");
    }
    *option.value = *number;
    return Status::Ok();
  }

  Status ParsePort(std::string_view name, uint16_t& out) {
    uint64_t port = 0;
    Status status = ParseNumber({name, &port, 1, 65'535});
    if (status.ok()) out = static_cast<uint16_t>(port);
    return status;
  }

  static Status Missing(std::string_view name) {
    return Status::Invalid(std::string(name) + " needs a value behind it");
  }

  std::span<const char* const> words_;
  Arguments& out_;
  size_t at_ = 0;
};

Status CheckTogether(const Arguments& arguments) {
  if (arguments.load.empty() == arguments.scenario.empty()) {
    return Status::Invalid("say one of --load NAME and --scenario NAME");
  }
  if (!arguments.scenario.empty() && arguments.scenario != "masks") {
    return Status::Invalid("unknown scenario '" + arguments.scenario + "', there is: masks");
  }
  if (!arguments.load.empty() && std::ranges::find(kLoads, arguments.load) == std::end(kLoads)) {
    std::string text = "unknown load '" + arguments.load + "', there are:";
    for (const std::string_view load : kLoads) text.append(" ").append(load);
    return Status::Invalid(text);
  }
  const bool finishes = arguments.load == "confirm" || arguments.load == "release";
  if (finishes && arguments.seconds > 0) {
    return Status::Invalid("each hold ends once: --load " + arguments.load +
                           " takes -n, not --seconds");
  }
  if (arguments.dialect == Dialect::kLuaBare && arguments.load != "reserve" &&
      arguments.load != "soldout") {
    return Status::Invalid("--lua-bare has no holds: it goes with --load reserve or soldout");
  }
  if (!arguments.scenario.empty() && arguments.dialect != Dialect::kNative) {
    return Status::Invalid("the scenario needs the stock commands: not with --lua");
  }
  return Status::Ok();
}

}  // namespace

const char* UsageText() { return kUsage; }

Status ParseArguments(std::span<const char* const> words, Arguments& out) {
  Status status = Words(words, out).ParseAll();
  if (!status.ok() || out.help) return status;
  return CheckTogether(out);
}

}  // namespace holdfast::bench
