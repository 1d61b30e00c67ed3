// What the server knows of one connection, without its socket.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/config.h"
#include "server/shard/reply_queue.h"
#include "server/shard/subscriptions.h"
#include "storage/base/server_time.h"
#include "storage/base/slot.h"
#include "storage/core/mutation.h"

namespace holdfast {

struct CommandSpec;

// A command whose parts run on several shards, until the last part has answered.
struct Gather {
  const CommandSpec* command;
  ReplyQueue::Ticket ticket;
  size_t parts_missing;
  std::vector<std::string> parts;
  Index gate = 0;
};

// Between MULTI and EXEC.
struct Transaction {
  std::string requests;  // the queued commands, packed as in a letter
  size_t commands = 0;
  uint32_t flags_of_any = 0;    // of the queued commands
  uint32_t flags_of_all = ~0U;  // that every one of them has
  bool broken = false;          // a command was refused while it was queued: EXEC runs none
  bool publishes = false;       // one of them is a PUBLISH
  bool tells_data = false;      // as Client's
};

// What it says of itself, by CLIENT SETNAME and SETINFO.
struct ClientNames {
  std::string name;
  std::string library;
  std::string library_version;
};

// The way back to whoever owns the socket (server/net) or plays it (tests).
class ClientSink {
 public:
  virtual ~ClientSink() = default;
  // After the push, or an ack: replies.ready() may have bytes to send. Must not execute anything.
  virtual void OnReplies() = 0;
  // The barrier is gone or there is room again: go on with the requests already read.
  virtual void OnResume() = 0;
  // CLIENT KILL. May come from within a command of this very client: it must not be freed before
  // control is back in the loop.
  virtual void OnKill() = 0;
  // Ours, "127.0.0.1:6379".
  virtual std::string LocalAddress() const { return {}; }
  // It is another node: a descriptor of the same socket, and this connection ends when the turn
  // does. -1: there is no such socket.
  virtual int OnDetach() { return -1; }
};

struct Client {
  uint64_t id = 0;
  ClientSink* sink = nullptr;
  ReplyQueue replies;

  RespVersion resp = RespVersion::kResp2;
  DbIndex db = 0;
  bool authenticated = false;
  bool close_after_replies = false;  // QUIT, a protocol error: nothing more is read
  int descriptor = -1;               // for CLIENT LIST only
  std::unique_ptr<Gather> gather;    // a barrier: nothing is dispatched until it is whole
  std::unique_ptr<Transaction> transaction;
  std::vector<Slot> watched;  // of its WATCHed keys, in no order; what they are: Watches
  std::unique_ptr<Subscriptions> subscriptions;  // null: none
  size_t publishing = 0;                         // awaited replies that only count receivers
  // A PUBLISH, packed as in a letter, that waits for what was asked before it; empty: none.
  std::string stalled;
  // What it is still to be answered tells of data, and leaves under a lease only
  // (server/standing.h). Other answers do without, or nobody could look at a primary that waits for
  // others; and so do messages, which each waited for its ack.
  bool tells_data = false;
  bool dirty = false;      // in the shard's list for the end of this turn
  bool gated = false;      // in the shard's list of those that wait for an ack
  bool postponed = false;  // its next request waits for the end of CLIENT PAUSE
  bool monitor = false;    // is shown every command
  bool no_evict = false;   // maxmemory-clients passes it over
  bool local = false;      // from this machine
  bool unix_socket = false;
  bool overflowed = false;  // more was published to it than may wait: it is to be closed

  std::unique_ptr<ClientNames> given_names;  // null: none
  std::string address;                       // peer, "127.0.0.1:50000"
  UnixMs connected_at{};
  UnixMs last_seen{};
  const CommandSpec* last_command = nullptr;
  size_t query_bytes = 0;  // read and not yet parsed

  const ClientNames& names() const {
    static const ClientNames kNone;
    return given_names ? *given_names : kNone;
  }
  ClientNames& GiveNames() {
    if (!given_names) given_names = std::make_unique<ClientNames>();
    return *given_names;
  }

  // Asked before every request, so the two bits are looked at together.
  bool blocked() const {
    return gather != nullptr || (close_after_replies | postponed) != 0 || !stalled.empty();
  }
};

// As client-output-buffer-limit names it.
inline size_t OutputClassOf(const Client& client) {
  return static_cast<size_t>(client.subscriptions != nullptr ? OutputClass::kPubSub
                                                             : OutputClass::kNormal);
}

// Bytes that may wait for it.
inline int64_t HardLimitOf(const Config& config, const Client& client) {
  const OutputLimit& limit = config.output_limits[OutputClassOf(client)];
  return limit.hard > 0 ? limit.hard : config.client_buffer_limit;
}

}  // namespace holdfast
