// Connection: one client's socket. Reads, cuts requests, hands them to the router; sends what the
// router releases. Back-pressure: while too much is unsent, or too many requests are in flight, it
// does not read.
//
// Owner thread: its loop. Deletes itself when its handle has closed.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <uv.h>

#include "protocol/resp_parser.h"
#include "server/net/read_ahead.h"
#include "server/net/read_buffer.h"
#include "server/output_limit.h"
#include "server/shard/client.h"
#include "server/shard/request.h"
#include "server/shard/router.h"
#include "storage/base/invariant.h"

namespace holdfast {

class EventLoop;

class Connection final : public ClientSink {
 public:
  // Takes a pending connection off `listener` and starts to read, or refuses it with an error the
  // client can read.
  static void Accept(EventLoop& loop, uv_stream_t* listener);

  void OnReplies() override;
  void OnResume() override;
  void OnKill() override { Close(); }
  std::string LocalAddress() const override;
  int OnDetach() override;

  // Shutdown: nothing more is read; what was read is still executed and answered.
  void StopReading();
  // CLIENT PAUSE is over, or no longer what this one was held back for.
  void EndPostponed();
  bool drained() const { return !unsent_ && !to_resume && !gathered && client_.replies.empty(); }
  // Some that tell of data, and may not leave yet.
  bool HasWithheldAnswers() const { return client_.tells_data && !client_.replies.ready().empty(); }
  void Close();
  // True: too much has waited for it for too long. At any time, also before the turn's replies are
  // flushed; of those nobody knows yet whether they will wait.
  bool CloseIfOverSoftLimit();

  // The log's queue is over its bound, or no longer: sockets wait.
  void Hold();
  void Unhold();

  const Client& client() const { return client_; }

  // EventLoop::Gather, in two steps: the requests in `input` are read into `ahead`; then, whatever
  // others did meanwhile, they run.
  Router::Ahead ReadRequests(std::string_view input, ReadAhead& ahead);
  void ExecuteGathered(std::string_view input, ReadAhead& ahead);

  // What it holds of requests and replies.
  size_t BufferBytes() const {
    const size_t queued = client_.transaction ? client_.transaction->requests.size() : 0;
    const size_t listens = client_.subscriptions ? client_.subscriptions->bytes : 0;
    return pending_.size() + client_.replies.bytes() + UnsentBytes() + queued +
           client_.watched.size() * sizeof(Slot) + listens + client_.stalled.size();
  }

  // In the loop's list of open connections, in the one of those to resume, and among those whose
  // input is gathered.
  Connection* next = nullptr;
  Connection* previous = nullptr;
  bool to_resume = false;
  bool gathered = false;

 private:
  Connection(EventLoop& loop, bool unix_socket);
  ~Connection() override { Invariant(!gathered); }

  bool Introduce();
  void Refuse(std::string_view reply);
  void UpdateReading();
  bool HasRoom() const;

  void OnRead(ssize_t bytes, const uv_buf_t* buffer);
  void ConsumeInput(std::string_view fresh, ReadAhead* ahead = nullptr);
  size_t ExecuteAll(std::string_view input, ReadAhead* ahead);
  bool MayExecute() const;
  bool Postpone(const Request& request);
  bool ExecuteOne(const Request& request);
  void Flush();
  bool CloseIfOverLimit();
  bool CloseAsSlow();
  void CloseIfDone();
  void Fail(std::string_view protocol_error);

  size_t UnsentBytes() const { return unsent_ ? unsent_->bytes.size() : 0; }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }

  bool unix_socket_;
  bool reading_ = false;
  bool ended_ = false;    // the client sends nothing more, but may still read what it is owed
  bool stopped_ = false;  // for good: shutting down, or closing after the last reply
  bool closing_ = false;
  EventLoop& loop_;
  union Handle {
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle_;

  Client client_;
  RespParser parser_;
  ReadBuffer pending_;  // what was read and not yet executed
  // What the socket had no room for: on its way.
  struct Unsent {
    uv_write_t write{};
    std::string bytes;
  };
  std::unique_ptr<Unsent> unsent_;
  SoftLimitWatch soft_limit_;
};
// A server has tens of thousands of idle ones; the allocator's next size is 896.
static_assert(sizeof(Connection) <= 768);

}  // namespace holdfast
