#include "server/replication/wire.h"

#include <memory>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/checksum.h"
#include "storage/opening.h"

namespace holdfast {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kHashBytes = 8;
constexpr size_t kFrameBytesMin = 1 + 16 + kHashBytes;

enum class FrameKind : uint8_t {
  kAskPromise = 1,
  kPromiseGiven = 2,
  kPromiseRefused = 3,
  kFollowFrom = 4,
  kAppendRecords = 5,
  kStored = 6,
  kOutdated = 7,
  kTakeOver = 8,
};

// ---- writing

void Put(std::string& out, const NodeId& id) { out.append(id.view()); }

void Put(std::string& out, const LogPlace& place) {
  AppendInt(out, place.epoch);
  AppendInt(out, place.index);
}

void Put(std::string& out, const Promise& promise) {
  AppendInt(out, promise.epoch);
  Put(out, promise.primary);
  AppendInt(out, static_cast<uint8_t>(promise.leaving));
}

void Put(std::string& out, Uptime time) { AppendInt<int64_t>(out, time.count()); }

FrameKind Put(std::string& out, const AskPromise& ask) {
  AppendInt(out, ask.epoch);
  Put(out, ask.last);
  AppendInt(out, static_cast<uint8_t>(ask.takeover));
  Invariant(ask.sync_set.size() <= UINT16_MAX);
  AppendInt(out, static_cast<uint16_t>(ask.sync_set.size()));
  for (const NodeId& member : ask.sync_set) Put(out, member);
  return FrameKind::kAskPromise;
}

FrameKind Put(std::string& out, const PromiseGiven& given) {
  AppendInt(out, given.epoch);
  return FrameKind::kPromiseGiven;
}

FrameKind Put(std::string& out, const PromiseRefused& refused) {
  AppendInt(out, refused.epoch);
  AppendInt(out, static_cast<uint8_t>(refused.why));
  Put(out, refused.promised);
  return FrameKind::kPromiseRefused;
}

FrameKind Put(std::string& out, const FollowFrom& follow) {
  Put(out, follow.last);
  return FrameKind::kFollowFrom;
}

FrameKind Put(std::string& out, const AppendRecords& append) {
  AppendInt(out, append.epoch);
  Put(out, append.previous);
  AppendInt(out, append.acked);
  Put(out, append.sent);
  AppendInt(out, static_cast<uint32_t>(append.records.size()));
  for (const LogRecord& record : append.records) AppendWord(out, *record.bytes);
  return FrameKind::kAppendRecords;
}

FrameKind Put(std::string& out, const Stored& stored) {
  AppendInt(out, stored.epoch);
  AppendInt(out, stored.index);
  Put(out, stored.lease_from);
  return FrameKind::kStored;
}

FrameKind Put(std::string& out, const Outdated& outdated) {
  Put(out, outdated.promised);
  return FrameKind::kOutdated;
}

FrameKind Put(std::string& out, const TakeOver& take_over) {
  AppendInt(out, take_over.epoch);
  Put(out, take_over.sent);
  return FrameKind::kTakeOver;
}

// ---- reading: what runs short gives zeros, and the reader has failed

void Get(ByteReader& reader, NodeId& out) { out = ReadId<NodeOfGroup>(reader); }

void Get(ByteReader& reader, LogPlace& out) {
  out.epoch = reader.Int<Epoch>();
  out.index = reader.Int<Index>();
}

void Get(ByteReader& reader, Uptime& out) { out = Uptime{reader.Int<int64_t>()}; }

Status GetFlag(ByteReader& reader, bool& out) {
  const auto flag = reader.Int<uint8_t>();
  out = flag == 1;
  return flag <= 1 ? Status::Ok() : Status::Damaged("a flag is neither 0 nor 1");
}

Status Get(ByteReader& reader, Promise& out) {
  out.epoch = reader.Int<Epoch>();
  Get(reader, out.primary);
  return GetFlag(reader, out.leaving);
}

Status Get(ByteReader& reader, AskPromise& out) {
  out.epoch = reader.Int<Epoch>();
  Get(reader, out.last);
  if (Status status = GetFlag(reader, out.takeover); !status.ok()) return status;
  for (auto left = reader.Int<uint16_t>(); left > 0 && !reader.failed(); --left) {
    Get(reader, out.sync_set.emplace_back());
  }
  return Status::Ok();
}

Status Get(ByteReader& reader, PromiseGiven& out) {
  out.epoch = reader.Int<Epoch>();
  return Status::Ok();
}

Status Get(ByteReader& reader, PromiseRefused& out) {
  out.epoch = reader.Int<Epoch>();
  const auto why = reader.Int<uint8_t>();
  if (why > static_cast<uint8_t>(PromiseRefusal::kTakeover)) {
    return Status::Damaged("a promise is refused for a reason that there is not");
  }
  out.why = static_cast<PromiseRefusal>(why);
  return Get(reader, out.promised);
}

Status Get(ByteReader& reader, FollowFrom& out) {
  Get(reader, out.last);
  return Status::Ok();
}

Status Get(ByteReader& reader, Stored& out) {
  out.epoch = reader.Int<Epoch>();
  out.index = reader.Int<Index>();
  Get(reader, out.lease_from);
  return Status::Ok();
}

Status Get(ByteReader& reader, Outdated& out) { return Get(reader, out.promised); }

Status Get(ByteReader& reader, TakeOver& out) {
  out.epoch = reader.Int<Epoch>();
  Get(reader, out.sent);
  return Status::Ok();
}

// `before`: the place that the record must follow.
Status DecodeLogRecord(std::string_view bytes, const LogPlace& before, RecordView& view,
                       LogRecord& out) {
  if (Status status = DecodeRecord(bytes, view); !status.ok()) return status;
  const RecordHeader& header = view.header;
  if (header.first != before.index + 1) return Status::Damaged("a record does not follow");
  if (header.epoch < before.epoch) return Status::Damaged("a record is of an epoch before");
  out = {.epoch = header.epoch, .first = header.first, .last = header.last()};
  if (IsOpening(view.batches.front().mutations)) {
    Opening opening{.before = before};
    Status status = DecodeOpening(view.batches.front().mutations, opening);
    if (!status.ok()) return status;
    if (view.batches.size() > 1 || opening.epoch != header.epoch || opening.before != before) {
      return Status::Damaged("an epoch's opening does not fit its record");
    }
    out.opens = std::move(opening.group);
  } else if (header.epoch != before.epoch) {
    return Status::Damaged("an epoch begins without its opening");
  }
  out.bytes = std::make_shared<const std::string>(bytes);
  return Status::Ok();
}

Status GetRecords(ByteReader& reader, const HistoryId& history, AppendRecords& out) {
  LogPlace before = out.previous;
  RecordView view;
  for (auto left = reader.Int<uint32_t>(); left > 0; --left) {
    const std::string_view bytes = reader.Word();
    if (reader.failed()) return Status::Ok();  // as whoever asked sees
    LogRecord& record = out.records.emplace_back();
    if (Status status = DecodeLogRecord(bytes, before, view, record); !status.ok()) return status;
    if (view.header.history != history) return Status::Damaged("a record of another history");
    before = {.epoch = record.epoch, .index = record.last};
  }
  return Status::Ok();
}

template <typename Body>
Status Read(ByteReader& reader, ReplicationMessage& out) {
  return Get(reader, out.body.emplace<Body>());
}

Status ReadAppend(ByteReader& reader, ReplicationMessage& out) {
  auto& append = out.body.emplace<AppendRecords>();
  append.epoch = reader.Int<Epoch>();
  Get(reader, append.previous);
  append.acked = reader.Int<Index>();
  Get(reader, append.sent);
  return GetRecords(reader, out.history, append);
}

Status ReadBody(FrameKind kind, ByteReader& reader, ReplicationMessage& out) {
  switch (kind) {
    case FrameKind::kAskPromise:
      return Read<AskPromise>(reader, out);
    case FrameKind::kPromiseGiven:
      return Read<PromiseGiven>(reader, out);
    case FrameKind::kPromiseRefused:
      return Read<PromiseRefused>(reader, out);
    case FrameKind::kFollowFrom:
      return Read<FollowFrom>(reader, out);
    case FrameKind::kAppendRecords:
      return ReadAppend(reader, out);
    case FrameKind::kStored:
      return Read<Stored>(reader, out);
    case FrameKind::kOutdated:
      return Read<Outdated>(reader, out);
    case FrameKind::kTakeOver:
      return Read<TakeOver>(reader, out);
  }
  return Status::Damaged("a frame is of kind " + std::to_string(static_cast<int>(kind)) +
                         ", which version " + std::to_string(kReplicationVersion) +
                         " does not have");
}

}  // namespace

size_t BeginFrame(std::string& out, uint8_t kind, const HistoryId& history) {
  const size_t start = out.size();
  AppendInt<uint32_t>(out, 0);
  AppendInt(out, kind);
  out.append(history.view());
  return start;
}

void EndFrame(std::string& out, size_t start) {
  AppendInt(out, Checksum(std::string_view(out).substr(start + kLengthBytes)));
  const size_t length = out.size() - start - kLengthBytes;
  Invariant(length <= kFrameBytesMax);
  const auto written = static_cast<uint32_t>(length);
  out.replace(start, sizeof written, reinterpret_cast<const char*>(&written), sizeof written);
}

void AppendFrame(std::string& out, const ReplicationMessage& message) {
  const size_t start = BeginFrame(out, 0, message.history);
  const auto kind = std::visit([&](const auto& body) { return Put(out, body); }, message.body);
  out[start + kLengthBytes] = static_cast<char>(kind);
  EndFrame(out, start);
}

Status FrameReader::Next(std::string_view& frame) {
  frame = {};
  if (damaged_) return Status::Damaged("no frame follows a damaged one");
  // What was handed out is no longer used: the rest moves to the front once it is the smaller part.
  if (taken_ > bytes_.size() / 2) {
    bytes_.erase(0, taken_);
    taken_ = 0;
  }
  ByteReader reader(std::string_view(bytes_).substr(taken_));
  const auto length = reader.Int<uint32_t>();
  if (reader.failed()) return Status::Ok();
  if (length < kFrameBytesMin || length > frame_bytes_max_) {
    damaged_ = true;
    return Status::Damaged("a frame of " + std::to_string(length) + " bytes");
  }
  const std::string_view whole = reader.Bytes(length);
  if (reader.failed()) return Status::Ok();
  const std::string_view hashed = whole.substr(0, length - kHashBytes);
  if (ByteReader(whole.substr(hashed.size())).Int<uint64_t>() != Checksum(hashed)) {
    damaged_ = true;
    return Status::Damaged("a frame's hash is wrong");
  }
  taken_ += kLengthBytes + length;
  frame = hashed;
  return Status::Ok();
}

Status DecodeFrame(std::string_view frame, ReplicationMessage& out) {
  ByteReader reader(frame);
  const auto kind = reader.Int<uint8_t>();
  out.history = ReadId<History>(reader);
  if (Status status = ReadBody(static_cast<FrameKind>(kind), reader, out); !status.ok()) {
    return status;
  }
  if (!reader.AtEnd()) return Status::Damaged("a frame is longer or shorter than what it says");
  return Status::Ok();
}

}  // namespace holdfast
