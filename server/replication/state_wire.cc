#include "server/replication/state_wire.h"

#include <utility>

#include "server/replication/wire.h"
#include "storage/base/bytes.h"
#include "storage/trimmed_epochs.h"

namespace holdfast {
namespace {

enum StateFrameKind : uint8_t {
  kStateBegins = 64,
  kStateRows = 65,
  kStateEnds = 66,
  kStateWanted = 67,
  kStateDeclined = 68,
};

uint8_t KindOf(const StateMessage& message) {
  return static_cast<uint8_t>(kStateBegins + message.index());
}

void Put(std::string& out, const StateBegins& begins) {
  const StateHead& head = begins.head;
  AppendInt(out, begins.epoch);
  AppendWord(out, EncodeHistory(head.history));
  AppendWord(out, EncodeTrimmedEpochs(head.epochs));
  AppendInt(out, head.last.epoch);
  AppendInt(out, head.last.index);
  AppendWord(out, head.mark.number == 0 ? "" : EncodeSnapshotMark(head.mark));
}

void Put(std::string& out, const StateRows& rows) { out.append(rows.packed); }

void Put(std::string&, const StateEnds&) {}

void Put(std::string& out, const StateWanted& wanted) {
  AppendInt(out, wanted.snapshot);
  AppendInt(out, wanted.rows);
  AppendWord(out, wanted.after);
}

void Put(std::string& out, const StateDeclined& declined) { AppendInt(out, declined.snapshot); }

Status ReadHead(ByteReader& reader, StateBegins& out) {
  StateHead& head = out.head;
  out.epoch = reader.Int<Epoch>();
  if (Status status = DecodeHistory(reader.Word(), head.history); !status.ok()) return status;
  if (Status status = DecodeTrimmedEpochs(reader.Word(), head.epochs); !status.ok()) return status;
  head.last.epoch = reader.Int<Epoch>();
  head.last.index = reader.Int<Index>();
  const std::string_view mark = reader.Word();
  Status status = mark.empty() ? Status::Ok() : DecodeSnapshotMark(mark, head.mark);
  if (!status.ok()) return status;
  if (head.epochs.At(head.last.index) != head.last.epoch || head.epochs.last() > out.epoch) {
    return Status::Damaged("a state's place is not in its epochs");
  }
  return Status::Ok();
}

}  // namespace

void AppendStateFrame(std::string& out, const HistoryId& history, const StateMessage& message) {
  const size_t start = BeginFrame(out, KindOf(message), history);
  std::visit([&](const auto& one) { Put(out, one); }, message);
  EndFrame(out, start);
}

bool IsStateFrame(std::string_view frame) {
  const auto kind = static_cast<uint8_t>(frame.front());
  return kind >= kStateBegins && kind <= kStateDeclined;
}

Status DecodeStateFrame(std::string_view frame, StateMessage& out) {
  ByteReader reader(frame);
  const auto kind = reader.Int<uint8_t>();
  const auto history = ReadId<History>(reader);
  if (reader.failed()) return Status::Damaged("a frame is shorter than its head");
  switch (kind) {
    case kStateRows:
      out = StateRows{.packed = reader.rest()};
      return Status::Ok();
    case kStateBegins: {
      StateBegins begins;
      if (Status status = ReadHead(reader, begins); !status.ok()) return status;
      if (begins.head.history.id != history) return Status::Damaged("a state of another history");
      out = std::move(begins);
      break;
    }
    case kStateWanted: {
      StateWanted wanted{.snapshot = reader.Int<uint64_t>(), .rows = reader.Int<uint64_t>()};
      wanted.after = reader.Word();
      out = wanted;
      break;
    }
    case kStateDeclined:
      out = StateDeclined{.snapshot = reader.Int<uint64_t>()};
      break;
    default:
      out = StateEnds{};
  }
  return reader.AtEnd() ? Status::Ok()
                        : Status::Damaged("a frame is shorter or longer than it says");
}

}  // namespace holdfast
