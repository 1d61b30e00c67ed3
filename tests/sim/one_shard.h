// One shard, without sockets, disk or clock, for what measures it: each turn goes the way of
// server/net/connection.cc, and a log that keeps nothing has every batch encoded.
#pragma once

#include <string>
#include <string_view>

#include "server/net/read_ahead.h"
#include "tests/sim/cluster.h"

namespace holdfast {

class ForgettingLog final : public Log {
 public:
  Index Push(const Batch& /*batch*/) override { return ++last_; }
  Index LastPushed() const override { return last_; }
  Index Durable() const override { return last_; }
  void RequestSync(Index /*index*/) override {}
  bool Keeps() const override { return true; }
  bool Congested() const override { return false; }
  void AddWaker(Waker* /*waker*/) override {}
  Status Flush() override { return Status::Ok(); }

 private:
  Index last_ = 0;
};

class OneShard {
 public:
  OneShard() : client_(cluster_.Connect(0)) {}

  Shard& shard() { return cluster_.shard(0); }
  Router& router() { return cluster_.router(0); }
  UnixMs now() const { return cluster_.now(); }
  void Advance(DurationMs span) { cluster_.Advance(span); }
  // What the turn's requests were answered.
  const std::string& received() const { return client_.received; }

  // Whole requests, at most as many as one look ahead takes.
  void RunTurn(std::string_view input) {
    client_.received.clear();
    shard().NoteStanding();
    shard().SetNow(cluster_.now());
    ahead_.Read(router(), parser_, input, {});
    const Router::Ahead all{.client = &client_.client, .requests = ahead_.requests()};
    router().Prefetch({&all, 1});
    for (const Request& request : ahead_.requests()) router().Execute(client_.client, request);
    router().EndTurn();
  }

  // A turn without requests: what is due, and what goes on in slices.
  void RunWork() {
    cluster_.Work(0);
    router().EndTurn();
  }

 private:
  ForgettingLog log_;
  Cluster cluster_{1, log_, HashSeed{1}, Config{}, FromUnixMs(1'795'288'322'993)};
  SimClient& client_;
  RespParser parser_;
  ReadAhead ahead_;
};

}  // namespace holdfast
