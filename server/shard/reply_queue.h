// The replies of one client, in the order of its requests, each held back until what it tells is
// acked.
//
//   ready_ ──► socket      segments_: [bytes, gate] [awaited: another shard answers] [bytes, stamp]
//   ...
//
// A reply that waits for nothing, behind nothing that waits, goes straight to ready_. A local reply
// is written at the end of tail(), then Seal says what it waits for. A reply from elsewhere is
// Expected first and Fulfilled later. At the end of the turn, after the push, Resolve turns stamps
// into indexes; Release moves to ready_ what is acked.
//
// CLIENT REPLY silences it: a reply that nobody wants is dropped where it would have been sealed,
// and one that is awaited keeps its place but brings nothing.
//
// Owner thread: the client's shard.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/shard/ack_gate.h"
#include "server/shard/fifo.h"

namespace holdfast {

class ReplyQueue {
 public:
  using Ticket = uint64_t;

  // The string at whose end the next local reply is to be written; note its size before.
  std::string& tail() { return segments_.empty() ? ready_ : LastBytes(); }

  // What was written to tail() behind its first `mark` bytes waits for `stamp` (0: for nothing).
  void Seal(size_t mark, TurnStamp stamp) {
    const bool leaves = stamp == 0 && segments_.empty() && voice_ == Voice::kOn;
    if (!leaves) SealLater(mark, stamp);
  }

  // Keeps a place for a reply that comes later, to a request of so many bytes.
  Ticket Expect(size_t request_bytes);
  void Fulfil(Ticket ticket, std::string_view bytes, Index gate);

  // End of turn, after the push: every stamp becomes an index. Returns the largest index waited
  // for, or 0.
  Index Resolve(const AckGate& gate);

  // Moves to ready() what waits for nothing beyond `acked`. True if the next one waits for an ack
  // (and not for another shard).
  bool Release(Index acked);

  // CLIENT REPLY, from the reply to that command itself on.
  enum class Voice : uint8_t {
    kOn,
    kOff,       // nothing
    kSkipNext,  // neither this reply nor the one behind it
  };
  void SetVoice(Voice voice);

  // Every reply that is not ready, also one that is awaited, becomes this one, whole and at once.
  // What is no reply is dropped.
  void RefuseWaiting(std::string_view reply);

  // What is no reply to a request (MONITOR, a message): no silence counts it. It waits for `stamp`.
  void Append(std::string_view bytes, TurnStamp stamp = 0);

  // The latest that any reply so far waited for, silenced or not, here and by indexes from other
  // shards. Whoever is told only what follows from them all waits for both.
  TurnStamp latest_stamp() const { return latest_stamp_; }
  Index latest_index() const { return latest_index_; }

  // Bytes that may leave. The socket's owner takes them off the front by Consume.
  std::string_view ready() const { return std::string_view(ready_).substr(sent_); }
  void Consume(size_t bytes);

  // All bytes held here, for the client's bound.
  size_t bytes() const;
  // Whether the client may have one more request in flight to other shards. How large their replies
  // will be is not known when they are sent, so the number allowed follows the size of those that
  // came lately: it starts low and grows while they are small.
  bool MayAwaitMore() const;
  size_t awaited() const { return awaited_; }
  bool empty() const { return ready().empty() && segments_.empty(); }

 private:
  struct Segment {
    enum class State : uint8_t { kAwaited, kStamped, kIndexed };
    State state = State::kStamped;
    Ticket ticket = 0;         // of an awaited one, and of those behind it: ascending
    uint64_t gate = 0;         // a stamp while kStamped, an index while kIndexed
    size_t request_bytes = 0;  // of an awaited one
    size_t replies = 0;        // so many requests are answered by it
    bool silent = false;       // of an awaited one: what comes is dropped
    std::string bytes = {};
  };

  std::string& LastBytes();
  void SealLater(size_t mark, TurnStamp stamp);
  // Is the reply that is being placed now to be dropped? Counts it.
  bool Silent();
  void Hold(size_t mark, TurnStamp stamp);

  std::string ready_;
  size_t sent_ = 0;  // front of ready_ that has left
  Fifo<Segment> segments_;
  Ticket last_ticket_ = 0;
  Voice voice_ = Voice::kOn;
  int to_skip_ = 0;  // while kSkipNext
  size_t awaited_ = 0;
  size_t awaited_request_bytes_ = 0;
  size_t segment_bytes_ = 0;
  TurnStamp latest_stamp_ = 0;
  Index latest_index_ = 0;
  size_t recent_reply_bytes_ = kAwaitedBytes / kAwaitedAtFirst;

  static constexpr size_t kAwaitedBytes = size_t{4} << 20;  // in flight, as far as can be foreseen
  static constexpr size_t kAwaitedAtFirst = 16;
  static constexpr size_t kAwaitedMin = 4;
  static constexpr size_t kAwaitedMax = 1024;
};

}  // namespace holdfast
