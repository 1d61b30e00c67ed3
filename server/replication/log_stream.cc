#include "server/replication/log_stream.h"

#include <algorithm>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/core/mutation.h"
#include "storage/opening.h"
#include "storage/record.h"

namespace holdfast {
namespace {

// What readers on the replica may wait behind.
constexpr size_t kOnItsWayMax = size_t{2} << 20;
constexpr uint64_t kReadBytes = uint64_t{512} << 10;

}  // namespace

LogStream::LogStream(RocksLog& log, ServerState& server, Post& post, Waker* waker, Index applied)
    : server_(server),
      post_(post),
      reader_(log.ReadBehind(applied, waker)),
      slices_(static_cast<size_t>(server.map.shards())) {}

Index LogStream::applied() const {
  Index least = sent();
  for (size_t shard = 0; shard < slices_.size(); ++shard) {
    least = std::min(least, server_.standing.applied[shard].load(std::memory_order_acquire));
  }
  return least;
}

Status LogStream::Pump(Index acked) {
  const Index done = applied();
  while (!on_its_way_.empty() && on_its_way_.front().last <= done) {
    bytes_ -= on_its_way_.front().bytes;
    on_its_way_.pop_front();
  }
  while (sent() < acked && bytes_ < kOnItsWayMax) {
    const Index before = sent();
    records_.clear();
    if (Status status = reader_->Read(kReadBytes, records_); !status.ok()) return status;
    Index last = before;
    for (const SealedRecord& record : records_) {
      if (record.header.last() > acked) break;
      RecordView view;
      if (Status status = DecodeRecord(*record.bytes, view); !status.ok()) return status;
      Send(record, view);
      last = record.header.last();
    }
    reader_->SeekBehind(last);
    reader_->KeepBehind(last);
    if (last == before) break;
  }
  return Status::Ok();
}

void LogStream::Send(const SealedRecord& record, const RecordView& view) {
  for (std::string& slice : slices_) slice.clear();
  for (const BatchView& batch : view.batches) {
    if (IsOpening(batch.mutations)) continue;
    ByteReader reader(batch.mutations);
    MutationView mutation{};
    std::string_view rest = batch.mutations;
    while (NextMutation(reader, mutation)) {
      const size_t size = rest.size() - reader.rest().size();
      slices_[server_.map.OwnerOf(mutation.place.slot)].append(rest.substr(0, size));
      rest = reader.rest();
    }
    Invariant(!reader.failed());  // DecodeRecord saw every mutation's header
  }
  const Index last = record.header.last();
  for (size_t shard = 0; shard < slices_.size(); ++shard) {
    Letter letter;
    AppendStream(letter.requests, static_cast<ShardId>(shard), last, record.header.server_time,
                 slices_[shard]);
    post_.Send(static_cast<ShardId>(shard), letter);
  }
  on_its_way_.push_back({.last = last, .bytes = record.bytes->size()});
  bytes_ += record.bytes->size();
}

}  // namespace holdfast
