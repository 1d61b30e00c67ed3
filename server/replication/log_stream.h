// LogStream: brings a replica's shards what the log holds, as far as it is acked. Each letter says
// how far it reaches, also to a shard that it has nothing for:
//
//   log ─► records ─► slices by owner ─► a letter a shard ─► Shard applies ─► Standing::applied
//
// What is on its way is bounded: a replica that restarts behind a long log does not hold it all in
// memory. Two shards are not at the same batch at every moment, so who reads keys of both may see
// one further than the other; each by itself shows a prefix of the log.
//
// Owner: one thread.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "server/server_state.h"
#include "server/shard/letters.h"
#include "storage/log_reader.h"
#include "storage/rocks_log.h"

namespace holdfast {

class LogStream {
 public:
  // All outlive it. The shards hold what the log has up to `applied`; `waker` is woken when there
  // is more to do.
  LogStream(RocksLog& log, ServerState& server, Post& post, Waker* waker, Index applied);

  // Sends what lies behind what was sent, up to `acked`, as far as there is room. Not ok: the log
  // cannot be read.
  Status Pump(Index acked);

  Index sent() const { return reader_->place(); }
  // By every shard.
  Index applied() const;

 private:
  void Send(const SealedRecord& record, const RecordView& view);

  ServerState& server_;
  Post& post_;
  std::unique_ptr<LogReader> reader_;
  struct OnItsWay {
    Index last;
    size_t bytes;
  };
  std::deque<OnItsWay> on_its_way_;
  size_t bytes_ = 0;
  std::vector<std::string> slices_;  // by shard
  std::vector<SealedRecord> records_;
};

}  // namespace holdfast
