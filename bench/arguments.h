// holdfast-bench's command line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/status.h"

namespace holdfast::bench {

// Where a sale's commands come from: the server's own, or Lua scripts for a plain Redis.
enum class Dialect : uint8_t {
  kNative,   // RESERVE, CONFIRM, RELEASE
  kLua,      // bench/lua/{reserve,confirm,release}.lua: the same semantics, as scripts
  kLuaBare,  // bench/lua/reserve_bare.lua: check and DECRBY, no hold, window or limit
};

struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  // Other servers of that host's group: connections go to the one that leads.
  std::vector<uint16_t> or_ports;
  std::string socket;  // a unix socket's path; if set, host and port are not used
  std::string password;
};

// What a buyer of the loads' sales may hold and buy.
inline constexpr uint64_t kSaleLimit = 5;

struct MasksArguments {
  uint64_t buyers = 220'000;
  uint64_t connections = 200;
  uint64_t stock = 50'000;
  uint64_t limit = 5;
  uint64_t open_in_s = 3;
  uint64_t hold_s = 5;        // a hold's time to live
  uint64_t reconnect_s = 60;  // how long without any connection before giving up
  uint64_t seconds_max = 240;
  std::string sku;  // empty: a new name
};

struct Arguments {
  bool help = false;
  Address address;
  std::string load;  // exactly one of load and scenario
  std::string scenario;
  Dialect dialect = Dialect::kNative;
  uint64_t connections = 50;
  uint64_t pipeline = 1;
  uint64_t requests = 100'000;
  uint64_t seconds = 0;  // 0: until `requests` are done
  uint64_t rate = 0;     // requests per second of the open loop; 0: closed loop
  uint64_t skus = 1;
  uint64_t holds_per_buyer = 3;
  uint64_t keys = 100'000;
  uint64_t value_bytes = 64;
  uint64_t seed = 1;
  bool in_order = false;    // keys one after the other, none twice before all were there
  std::string tag;          // all keys share this {tag}, and so a slot; empty: they do not
  uint64_t ends_at_ms = 0;  // when all sessions and holds end, since 1970; 0: in half an hour
  std::optional<uint64_t> on_shard;  // connections to this shard only; none: as they come
  bool prepared = false;             // the load's keys are there
  uint64_t server_pid = 0;           // whose CPU time to report; 0: nobody's
  std::string json;                  // the file for the summary; empty: none
  bool quiet = false;
  MasksArguments masks;
};

// What --help prints.
const char* UsageText();

// Fills `out` from argv without the program's name. Not ok: the text names the word that is wrong.
Status ParseArguments(std::span<const char* const> words, Arguments& out);

}  // namespace holdfast::bench
