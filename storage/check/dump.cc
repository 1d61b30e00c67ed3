#include "storage/check/dump.h"

#include <algorithm>

#include "storage/check/log_inspection.h"
#include "storage/check/open_database.h"
#include "storage/core/mutation_text.h"
#include "storage/record.h"
#include "storage/recovery.h"

namespace holdfast {
namespace {

std::string HeaderLine(std::string_view segment, const RecordHeader& header, size_t bytes) {
  std::string text = "record first=" + std::to_string(header.first);
  text += " last=" + std::to_string(header.last());
  text += " batches=" + std::to_string(header.count);
  text += " bytes=" + std::to_string(bytes);
  text += " epoch=" + std::to_string(header.epoch);
  text += " acked=" + std::to_string(header.acked);
  text += " time=" + std::to_string(ToUnixMs(header.server_time));
  text += " segment=";
  text += segment;
  return text + "\n";
}

void DumpBatch(Index index, const BatchView& batch, const LineFn& line) {
  ByteReader reader(batch.mutations);
  MutationView mutation{};
  std::string text;
  while (NextMutation(reader, mutation)) {
    text = "  " + std::to_string(index) + (batch.gated ? " gated " : " ");
    AppendText(text, mutation);
    text += '\n';
    line(text);
  }
}

std::string DamagedLine(std::string_view segment, Index at, std::string_view what) {
  std::string text = "damaged segment=";
  text += segment;
  text += " index=" + std::to_string(at) + ": ";
  text += what;
  return text + "\n";
}

class Dumper {
 public:
  Dumper(const DumpRange& range, const LineFn& line) : range_(range), line_(line) {}

  void TakeRow(std::string_view segment, std::string_view key, std::string_view record) {
    const Index at = IndexOfLogKey(key);
    if (next_ != 0 && at > next_ && at > range_.from && next_ <= range_.to) {
      damaged_ = true;
      line_("missing first=" + std::to_string(next_) + " last=" + std::to_string(at - 1) + "\n");
    }
    RecordView view;
    const Status decoded = DecodeRecord(record, view);
    const Index last = decoded.ok() ? view.header.last() : at;
    next_ = last + 1;
    if (last < range_.from || at > range_.to) return;
    if (!decoded.ok()) damaged_ = true;
    DumpRecord(segment, at, record, range_, line_);
  }

  void Unreadable(std::string_view segment, std::string_view what) {
    damaged_ = true;
    line_(DamagedLine(segment, next_, what));
  }

  bool damaged() const { return damaged_; }

 private:
  const DumpRange& range_;
  const LineFn& line_;
  Index next_ = 0;
  bool damaged_ = false;
};

}  // namespace

void DumpRecord(std::string_view segment, Index at, std::string_view record, const DumpRange& range,
                const LineFn& line) {
  RecordView view;
  if (const Status decoded = DecodeRecord(record, view); !decoded.ok()) {
    return line(DamagedLine(segment, at, decoded.text()));
  }
  line(HeaderLine(segment, view.header, record.size()));
  Index index = view.header.first;
  for (const BatchView& batch : view.batches) {
    if (index >= range.from && index <= range.to) DumpBatch(index, batch, line);
    ++index;
  }
}

Status DumpLog(const DataDirectory& directory, const DumpRange& range, const LineFn& line) {
  OpenedDatabase opened;
  if (Status status = OpenForReading(directory, opened); !status.ok()) return status;
  Dumper dumper(range, line);
  for (const std::string& damage : opened.wal_damage) dumper.Unreadable("-", damage);
  for (const Family& segment : opened.database->TakeFound(FamilyKind::kLog)) {
    const Status read =
        opened.database->ForEachRow(segment, [&](std::string_view key, std::string_view record) {
          dumper.TakeRow(segment.name(), key, record);
          return true;
        });
    if (!read.ok()) dumper.Unreadable(segment.name(), WithoutRemedy(read.text()));
  }
  return dumper.damaged() ? Status::Damaged("the log is damaged, see the lines above")
                          : Status::Ok();
}

}  // namespace holdfast
