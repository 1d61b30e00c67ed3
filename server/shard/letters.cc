#include "server/shard/letters.h"

#include <cstring>

#include "storage/base/bytes.h"

namespace holdfast {
namespace {

template <typename Header>
void AppendHeader(std::string& out, const Header& header) {
  static_assert(std::is_trivially_copyable_v<Header>);
  out.append(reinterpret_cast<const char*>(&header), sizeof header);
}

template <typename Header>
Header TakeHeader(std::string_view& in) {
  Header header;
  Invariant(in.size() >= sizeof header);
  std::memcpy(&header, in.data(), sizeof header);
  in.remove_prefix(sizeof header);
  return header;
}

}  // namespace

void AppendRequest(std::string& out, const RequestHeader& header,
                   std::span<const std::string_view> words) {
  AppendHeader(out, header);
  AppendInt(out, static_cast<uint32_t>(words.size()));
  for (const std::string_view word : words) AppendWord(out, word);
}

RequestHeader TakeRequest(std::string_view& in, std::vector<std::string_view>& words) {
  const auto header = TakeHeader<RequestHeader>(in);
  ByteReader reader(in);
  words.resize(reader.Int<uint32_t>());
  for (std::string_view& word : words) word = reader.Word();
  Invariant(!reader.failed());
  in = reader.rest();
  return header;
}

void AppendStream(std::string& requests, ShardId to, Index index, UnixMs server_time,
                  std::string_view mutations) {
  std::string packed_index;
  std::string packed_time;
  AppendInt(packed_index, index);
  AppendInt(packed_time, ToUnixMs(server_time));
  const std::string_view words[] = {packed_index, packed_time, mutations};
  AppendRequest(requests,
                {.from = {.client = 0, .ticket = 0, .part = 0, .shard = to},
                 .command = nullptr,
                 .db = 0,
                 .resp_version = 0,
                 .kind = RequestKind::kStream},
                words);
}

StreamRequest ReadStream(std::span<const std::string_view> words) {
  Invariant(words.size() == 3);
  ByteReader index(words[0]);
  ByteReader server_time(words[1]);
  const StreamRequest stream{.index = index.Int<Index>(),
                             .server_time = FromUnixMs(server_time.Int<int64_t>()),
                             .mutations = words[2]};
  Invariant(index.AtEnd());
  Invariant(server_time.AtEnd());
  return stream;
}

void AppendResponse(std::string& out, const ResponseHeader& header, std::string_view reply) {
  AppendHeader(out, header);
  AppendWord(out, reply);
}

ResponseHeader TakeResponse(std::string_view& in, std::string_view& reply) {
  const auto header = TakeHeader<ResponseHeader>(in);
  ByteReader reader(in);
  reply = reader.Word();
  Invariant(!reader.failed());
  in = reader.rest();
  return header;
}

void ResolveResponses(std::string& responses, const AckGate& gate) {
  std::string_view rest = responses;
  while (!rest.empty()) {
    char* at = responses.data() + (responses.size() - rest.size());
    std::string_view reply;
    ResponseHeader header = TakeResponse(rest, reply);
    header.gate = gate.IndexOf(header.gate);
    std::memcpy(at, &header, sizeof header);
  }
}

}  // namespace holdfast
