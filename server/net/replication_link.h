// ReplicationLink: a TCP connection between two nodes. It begins on the port that clients use, as
// theirs do: whoever dials asks with words, and once he has been answered both sides speak frames.
//
//   dials ── AUTH [user] password ─────────────────────────► (if masterauth is set)
//         ── NODELINK, server/replication/hello.h ─────────►
//         ◄─ +LINK ───────────────────────────────────────── or an error, and that was all
//         ◄─ frames, server/replication/wire.h ───────────►
//
// Owner: the replication thread. Closed, it goes when its handle has.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include <uv.h>

#include "server/replication/control.h"
#include "server/replication/hello.h"
#include "server/replication/message.h"
#include "server/replication/wire.h"
#include "storage/base/status.h"

namespace holdfast {

class ReplicationLink {
 public:
  // Who owns the links.
  class Owner {
   public:
    virtual ~Owner() = default;
    // With what this node introduces itself.
    virtual LinkHello Hello() const = 0;
    // `node` is known from here on.
    virtual void OnUp(ReplicationLink& link) = 0;
    // Not ok: the link closes.
    virtual Status OnFrame(ReplicationLink& link, std::string_view frame) = 0;
    // All frames that have come so far were handed over.
    virtual void OnFrames() = 0;
    // Once; the link is about to go. `why` is for the log; empty: it was closed here.
    virtual void OnClosed(ReplicationLink& link, const std::string& why) = 0;
  };

  // Both send what they are given when Flush is called.
  // A connection whose other side has asked.
  static ReplicationLink* Accept(uv_loop_t* loop, Owner& owner, int descriptor,
                                 const LinkHello& hello);
  // `requests` are asked one after the other: what the last one's answer is followed by is frames,
  // and must not overtake the others'. Null: it has failed, and the owner has heard of it.
  static ReplicationLink* Dial(uv_loop_t* loop, Owner& owner, const NodeAddress& address,
                               const sockaddr_storage& resolved, std::deque<std::string> requests);

  bool up() const { return state_ == State::kUp; }
  const NodeId& node() const { return node_; }
  // Where others reach it, as it says; empty: it does not.
  const NodeAddress& announced() const { return announced_; }
  // Where it was dialed; empty: it came to us.
  const NodeAddress& dialed() const { return dialed_; }
  Uptime heard() const { return heard_; }

  std::string& out() { return out_; }
  size_t unsent() const { return out_.size() + sending_.size(); }
  void Flush();
  void Close(const std::string& why);

 private:
  enum class State : uint8_t { kConnecting, kAsking, kUp, kClosed };

  ReplicationLink(uv_loop_t* loop, Owner& owner);
  void AskNext();
  void Read();
  void OnConnected(int status);
  void OnRead(ssize_t bytes, const uv_buf_t* buffer);
  Status TakeAnswers(std::string_view& fresh);
  Status TakeAnswer(std::string_view line);
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }

  Owner& owner_;
  State state_ = State::kConnecting;
  uv_tcp_t tcp_{};
  uv_connect_t connect_{};
  uv_write_t write_{};
  NodeId node_{};
  NodeAddress announced_;
  NodeAddress dialed_;
  Uptime heard_;
  std::deque<std::string> requests_;
  std::string answers_;  // words, until the link is up
  FrameReader frames_;
  std::string out_;
  std::string sending_;
  std::string read_buffer_;
};

}  // namespace holdfast
