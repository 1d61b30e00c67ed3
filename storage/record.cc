#include "storage/record.h"

#include <algorithm>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/checksum.h"
#include "storage/core/mutation.h"

namespace holdfast {
namespace {

constexpr uint32_t kFormat = 0x31524648;  // "HFR1"
constexpr uint8_t kGatedFlag = 1;
constexpr size_t kHeaderHashAt = 72;

Status Damage(std::string_view what) { return Status::Damaged(std::string(what)); }

// Whether the bytes are mutations from end to end. Their bodies are their kinds' own matter.
bool AreMutations(std::string_view bytes) {
  ByteReader reader(bytes);
  MutationView mutation;
  while (NextMutation(reader, mutation)) {
  }
  return reader.AtEnd();
}

}  // namespace

bool RecordBuilder::Fits(const Batch& batch) const {
  return empty() || bytes() + kBatchHeaderBytes + batch.mutations.size() <= kRecordBytesMax;
}

void RecordBuilder::Append(const Batch& batch) {
  Invariant(!batch.mutations.empty());
  Invariant(batch.mutations.size() <= kBatchBytesMax);
  AppendInt(bytes_, static_cast<uint32_t>(batch.mutations.size()));
  AppendInt(bytes_, batch.gated ? kGatedFlag : uint8_t{0});
  bytes_.append(batch.mutations);
  ++count_;
  gated_ = gated_ || batch.gated;
  server_time_ = std::max(server_time_, batch.server_time);
}

std::string_view RecordBuilder::Seal(const Stamp& stamp) {
  Invariant(count_ > 0);
  const auto body = std::string_view(bytes_).substr(kRecordHeaderBytes);
  std::string header;
  AppendInt(header, kFormat);
  AppendInt(header, count_);
  AppendInt(header, static_cast<uint64_t>(body.size()));
  header.append(stamp.history.view());
  AppendInt(header, stamp.epoch);
  AppendInt(header, stamp.first);
  AppendInt(header, stamp.acked);
  AppendInt(header, ToUnixMs(server_time_));
  AppendInt(header, Checksum(body));
  AppendInt(header, Checksum(header));
  Invariant(header.size() == kRecordHeaderBytes);
  bytes_.replace(0, kRecordHeaderBytes, header);
  return bytes_;
}

void RecordBuilder::Clear() {
  if (bytes_.capacity() > 2 * kRecordBytesMax) bytes_ = std::string();
  bytes_.assign(kRecordHeaderBytes, '\0');
  count_ = 0;
  gated_ = false;
  server_time_ = {};
}

Status DecodeRecordHeader(std::string_view bytes, RecordHeader& out) {
  if (bytes.size() < kRecordHeaderBytes) return Damage("a record header is cut short");
  ByteReader reader(bytes.substr(0, kRecordHeaderBytes));
  if (reader.Int<uint32_t>() != kFormat) return Damage("not a record of a format that I know");
  RecordHeader header;
  header.count = reader.Int<uint32_t>();
  header.length = reader.Int<uint64_t>();
  header.history = ReadId<History>(reader);
  header.epoch = reader.Int<uint64_t>();
  header.first = reader.Int<Index>();
  header.acked = reader.Int<Index>();
  header.server_time = FromUnixMs(reader.Int<int64_t>());
  reader.Int<uint64_t>();  // the body's hash, of no use before the body is there
  if (reader.Int<uint64_t>() != Checksum(bytes.substr(0, kHeaderHashAt))) {
    return Damage("the checksum of a record header does not fit");
  }
  // The hash holds, so these bytes are as they were written; but by whom?
  const Index after_last = header.first + header.count;
  if (header.count == 0 || header.first == 0 || after_last < header.first ||
      header.acked >= header.first) {
    return Damage("a record header contradicts itself");
  }
  out = header;
  return Status::Ok();
}

Status DecodeRecord(std::string_view bytes, RecordView& out) {
  out.batches.clear();
  if (Status status = DecodeRecordHeader(bytes, out.header); !status.ok()) return status;
  const std::string_view body = bytes.substr(kRecordHeaderBytes);
  if (body.size() != out.header.length) return Damage("a record is not as long as its header says");
  ByteReader hash(bytes.substr(kHeaderHashAt - sizeof(uint64_t)));
  if (hash.Int<uint64_t>() != Checksum(body))
    return Damage("the checksum of a record does not fit");
  // A hostile count must not make us reserve more than the body can hold.
  if (out.header.count > body.size() / kBatchHeaderBytes) return Damage("a record counts too much");
  out.batches.reserve(out.header.count);
  ByteReader reader(body);
  for (uint32_t i = 0; i < out.header.count; ++i) {
    const auto length = reader.Int<uint32_t>();
    const auto flags = reader.Int<uint8_t>();
    const std::string_view mutations = reader.Bytes(length);
    if (reader.failed() || length == 0 || length > kBatchBytesMax || (flags & ~kGatedFlag) != 0 ||
        !AreMutations(mutations)) {
      return Damage("a record holds a batch that is none");
    }
    out.batches.push_back({.mutations = mutations, .gated = (flags & kGatedFlag) != 0});
  }
  if (!reader.AtEnd()) return Damage("a record goes on behind its last batch");
  return Status::Ok();
}

}  // namespace holdfast
