// Letters between shards. What a shard has for another in one turn goes over as two runs of bytes,
// requests and responses, copied once into the sender's outbox and read in place by the receiver:
//
//   requests:  [RequestHeader | word count:u32 | (length:u32 bytes) ...] ...
//   responses: [ResponseHeader | length:u32 bytes] ...
//
// A letter is written and read by one process, so its integers are the machine's own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_writer.h"
#include "server/shard/ack_gate.h"
#include "server/shard/shard_map.h"
#include "storage/core/keyspace.h"
#include "storage/core/mutation.h"

namespace holdfast {

struct CommandSpec;

// Who asked: the reply finds its way back by this.
struct ReturnAddress {
  uint64_t client;  // id, unique in the process
  uint64_t ticket;  // of ReplyQueue, or of a gather's part
  uint32_t part;    // of a gather; kWholeReply otherwise
  ShardId shard;
};
inline constexpr uint32_t kWholeReply = UINT32_MAX;

// What is asked. The next five are a group's (server/shard/groups.h), and only a command and a
// lock ever wait.
enum class RequestKind : uint8_t {
  kCommand,  // run it and reply
  kLock,     // hold these slots for the group
  kGather,   // tell what these keys hold
  kPerform,  // run a command on held slots; its mutations are the group's
  kApply,    // change held keys as the group decided
  kFinish,   // the group is in the log: let the slots go
  kUnwatch,  // forget what the client watches
  kStream,   // of replication: apply what the primary has logged; nobody answers
  kCut,      // a snapshot's, of this shard: hold a partition's slots until the turn ends
  // News between observers (server/shard/observers.h); nobody answers.
  kMonitorLine,  // for the monitors there
  kNameSlow,     // whose command the slow log keeps
};

struct RequestHeader {
  ReturnAddress from;
  const CommandSpec* command;
  DbIndex db;
  uint8_t resp_version;
  RequestKind kind = RequestKind::kCommand;
  // Of the first key, where the sender knows it.
  std::optional<KeyHash> key{};
};

enum class ResponseKind : uint8_t {
  kReply,
  kGrant,      // the slots are held
  kGathered,   // dumps of keys
  kPerformed,  // a reply, and the mutations behind it
  // Of server/shard/channels.h; here `to` names a shard, and a publication by its ticket.
  kMessage,   // for the subscribers there
  kReceived,  // by how many
};

struct ResponseHeader {
  ReturnAddress to;
  uint64_t gate;  // a stamp of the sender until its turn ends, from then on an index
  ResponseKind kind = ResponseKind::kReply;
};

// What one shard sends to one other in one turn.
struct Letter {
  std::string requests;
  std::string responses;

  bool empty() const { return requests.empty() && responses.empty(); }
};

void AppendRequest(std::string& out, const RequestHeader& header,
                   std::span<const std::string_view> words);

// A reply that is longer becomes an error: HMGET of one large field named a million times asks for
// more memory than there is, and a response's length is written in 32 bits.
inline constexpr size_t kReplyBytesMax = size_t{1} << 30;
inline constexpr size_t kResponseBytesMax = 3 * kReplyBytesMax;
inline constexpr std::string_view kReplyTooLarge =
    "ERR the reply is larger than 1 GiB, ask for less at once";
// The reply is what stands in `out` behind `mark`.
inline void BoundReply(std::string& out, size_t mark = 0) {
  if (out.size() - mark < kReplyBytesMax) return;
  out.resize(mark);
  RespWriter(out, RespVersion::kResp2).Error(kReplyTooLarge);
}

// Takes the first request off `in`; the words point into it.
RequestHeader TakeRequest(std::string_view& in, std::vector<std::string_view>& words);

// A kStream request, what Shard::ApplyStream is to be told:
// [index:u64] [server time:i64, Unix ms] [mutations of that shard]
void AppendStream(std::string& requests, ShardId to, Index index, UnixMs server_time,
                  std::string_view mutations);
struct StreamRequest {
  Index index;
  UnixMs server_time;
  std::string_view mutations;
};
StreamRequest ReadStream(std::span<const std::string_view> words);

void AppendResponse(std::string& out, const ResponseHeader& header, std::string_view reply);
ResponseHeader TakeResponse(std::string_view& in, std::string_view& reply);

// End of turn, after the push: the stamps of all responses become indexes.
void ResolveResponses(std::string& responses, const AckGate& gate);

// The road to the other shards. The server's copies under a lock and wakes the peer's loop; the
// simulation's delays and interleaves.
class Post {
 public:
  virtual ~Post() = default;
  // Takes the letter's bytes and leaves it empty. Letters between two shards arrive in the order
  // sent.
  virtual void Send(ShardId to, Letter& letter) = 0;
};

}  // namespace holdfast
