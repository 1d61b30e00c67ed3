#include "bench/shard_openings.h"

#include <numeric>
#include <string_view>
#include <utility>

#include "storage/base/parse_int.h"

namespace holdfast::bench {
namespace {

constexpr size_t kElsewhereMax = 2000;
constexpr int kLooksMax = 200;

uint64_t Sum(const std::vector<uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

}  // namespace

Status ShardOpenings::Open(Wire& out) {
  if (!arguments_.on_shard) return out.Open(arguments_.address);
  Counts before;
  Counts after;
  if (Status status = CountClients(before); !status.ok()) return status;
  const uint64_t shard = *arguments_.on_shard;
  if (shard >= before.size()) return Status::Invalid("--on-shard: the server has no such shard");
  while (elsewhere_.size() < kElsewhereMax) {
    Wire wire;
    if (Status status = wire.Open(arguments_.address); !status.ok()) return status;
    if (Status status = AwaitOneMore(before, after); !status.ok()) return status;
    const bool found = Sum(after) == Sum(before) + 1 && after[shard] > before[shard];
    (found ? out : elsewhere_.emplace_back()) = std::move(wire);
    if (found) return Status::Ok();
    before.swap(after);
  }
  return Status::Invalid("--on-shard: that shard is given no connections");
}

// The server accepts in its own time. Where somebody left or came meanwhile the sums never fit, and
// the connection is not used.
Status ShardOpenings::AwaitOneMore(const Counts& before, Counts& after) {
  for (int look = 0; look < kLooksMax; ++look) {
    if (Status status = CountClients(after); !status.ok()) return status;
    if (Sum(after) == Sum(before) + 1) break;
  }
  return Status::Ok();
}

// Of lines "shard0:slots=0-8191,clients=12,keys=...".
Status ShardOpenings::CountClients(Counts& out) {
  if (!client_open_) {
    if (Status status = client_.Open(arguments_.address); !status.ok()) return status;
    client_open_ = true;
  }
  RespValue reply;
  if (Status status = client_.CallGood({"INFO", "shards"}, reply); !status.ok()) return status;
  constexpr std::string_view kField = ",clients=";
  const std::string_view text = reply.root().text;
  out.clear();
  for (size_t at = text.find(kField); at != text.npos; at = text.find(kField, at)) {
    at += kField.size();
    const auto count = ParseUint64(text.substr(at, text.find(',', at) - at));
    if (!count) return Status::Damaged("INFO shards: not a number of clients");
    out.push_back(*count);
  }
  return Status::Ok();
}

}  // namespace holdfast::bench
