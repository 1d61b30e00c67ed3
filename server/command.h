// A command is one small function and one table row. The row alone drives look-up, arity, routing
// by key, what a full disk or a full memory refuses, COMMAND, COMMAND DOCS, metrics and the
// README's table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/resp_writer.h"
#include "server/shard/ack_gate.h"
#include "storage/core/item.h"
#include "storage/core/keyspace.h"
#include "storage/core/mutation.h"
#include "storage/core/stock_terms.h"

namespace holdfast {

class GroupContext;
class Router;
class Shard;
struct Client;

// words[0] is the command's name.
using Args = std::span<const std::string_view>;

// Everything that a command may know. `now` was read once: within a command, time stands still.
struct CommandContext {
  Shard& shard;
  Router& router;
  // The asking connection for rows of Home::kClient, else null: the command may run on another
  // shard.
  Client* client;
  RespWriter reply;
  DbIndex db;
  Instant now;  // by which the state is judged; the clock's is Shard::now()
  // Who asks, wherever the command runs.
  uint64_t client_id = 0;

  // Of the first key, for rows that have one.
  KeyPlace place{};
  // For rows with kStock: the SKU, its due holds settled; null if there is none. `wrong_type` when
  // the key holds something else (or the database is not the stock's).
  Item* item = nullptr;
  bool wrong_type = false;

  // What the reply waits for; see server/shard/ack_gate.h. Shard's Commit notes a change; a command
  // that tells what it read waits for whatever changed that last.
  TurnStamp gate = 0;
  void WaitForChange(TurnStamp stamp) { gate = stamp > gate ? stamp : gate; }
  // Out of line (command.cc), so that a test can link a server whose reads do not wait, and must
  // catch it.
  void WaitForRead(TurnStamp stamp);
};

// Where a command runs.
enum class Home : uint8_t {
  kClient,  // on the connection's own shard, at once
  kKey,  // on the shard that owns its first key; without that key and with a combiner: everywhere
  kEachKey,      // each key by itself on its owner; the replies are combined
  kGroup,        // over all its keys at one instant, wherever they live: server/group.h
  kCursor,       // on the shard that owns the cursor's slot (SCAN)
  kEveryShard,   // on all; the replies are combined
  kSubscribers,  // PUBLISH: wherever somebody listens; the replies are combined
  kLater,        // on the connection's own shard; unless it answers an error at once, the client
                 // waits for a reply that comes by LateReplies
  kTransaction,  // EXEC: where its queued commands run
};

// SCAN's cursor: the slot, and a prefix of the hash below. Bits above are not looked at.
inline constexpr int kCursorSlotShift = 39;
constexpr Slot SlotOfCursor(uint64_t cursor) {
  return static_cast<Slot>((cursor >> kCursorSlotShift) % kSlots);
}

enum CommandFlag : uint32_t {
  kWrite = 1U << 0,
  kReadOnly = 1U << 1,
  kFast = 1U << 2,   // constant or logarithmic time
  kGrows = 1U << 3,  // refused when memory (OOM) or disk (MISCONF) runs out
  kAdmin = 1U << 4,
  kNoAuth = 1U << 5,   // allowed before AUTH
  kLoading = 1U << 6,  // allowed while the data is being loaded
  kStale = 1U << 7,
  kStock = 1U << 8,             // its first key is a SKU
  kContainer = 1U << 9,         // only its subcommands run: "CONFIG" of "CONFIG|GET"
  kEverywhere = 1U << 10,       // needs every slot, and nobody else at any of them
  kImmediate = 1U << 11,        // runs within MULTI, too, instead of being queued
  kSelects = 1U << 12,          // its argument is the database of what follows
  kWatches = 1U << 13,          // its keys are watched from now on
  kCopies = 1U << 14,           // logs values that its request does not carry
  kNoMulti = 1U << 15,          // not within MULTI
  kPushes = 1U << 16,           // answers by pushes, which CLIENT REPLY does not silence
  kWhileSubscribed = 1U << 17,  // allowed to a RESP2 client that has subscribed
  kDebug = 1U << 19,            // behind enable-debug-command
  // What follows is only told by COMMAND, for clients that know it from Redis.
  kNoScript = 1U << 20,   // about the connection or the server, so never part of a script
  kAllowBusy = 1U << 21,  // answered while a script runs
  kDangerous = 1U << 22,  // in the category of that name; kAdmin implies it
  kSkipSlowlog = 1U << 23,
  kOfAdmins = 1U << 24,  // in that category, without its flag
  kPubSub = 1U << 25,
};

// Positions in the command line, as COMMAND shows them; last < 0 counts from the end.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
};

using CommandFunction = void (*)(CommandContext& ctx, Args args);
// Of a Home::kGroup row.
using GroupFunction = void (*)(GroupContext& ctx, Args args);
// The replies of all parts, in order, to one.
using CombineFunction = void (*)(RespWriter& reply, std::span<const std::string> parts);

// What a command on a SKU will look up of its records. Only a hint, from words that nobody has
// judged.
struct RecordWords {
  std::string_view hold_id;
  std::string_view buyer = {};
};
using AheadFunction = RecordWords (*)(Args args);

// What a group must know of its keys to decide, beside type and deadline.
enum class Gathers : uint8_t { kTypes, kFirstValue, kStrings };

struct CommandSpec {
  std::string_view name;  // "RESERVE"; a subcommand "CONFIG|GET"
  CommandFunction run = nullptr;
  GroupFunction decide = nullptr;  // instead of `run`, for Home::kGroup
  Gathers gathers = Gathers::kTypes;
  // The database of a group's key, where it is not the connection's; a bad argument is answered by
  // the command itself.
  DbIndex (*key_db)(Args args, size_t key, DbIndex db) = nullptr;
  int arity = 0;  // words including the name; negative: at least
  uint32_t flags = 0;
  Home home = Home::kKey;
  KeyPositions keys{};
  CombineFunction combine = nullptr;
  AheadFunction ahead = nullptr;  // Requires: as many words as the row's arity asks for
  std::string_view group;         // as COMMAND DOCS: "string", "stock", ...
  std::string_view category{};    // as ACL rules name it, where the group does not tell
  std::string_view since;
  std::string_view args;  // "sku hold units [EX s|PX ms] ..."
  std::string_view summary;
};

inline bool ArityFits(const CommandSpec& command, size_t words) {
  return command.arity >= 0 ? words == static_cast<size_t>(command.arity)
                            : words >= static_cast<size_t>(-command.arity);
}

}  // namespace holdfast
