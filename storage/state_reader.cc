#include "storage/state_reader.h"

#include <utility>

#include "storage/base/bytes.h"
#include "storage/log_segments.h"
#include "storage/snapshot_cursor.h"

namespace holdfast {

bool IsSameState(const StateHead& one, const StateHead& other) {
  return one.history.id == other.history.id &&
         one.history.hash_seed.value == other.history.hash_seed.value &&
         one.epochs == other.epochs && one.last == other.last && one.mark == other.mark;
}

StateReader::StateReader(StateHead head, std::unique_ptr<SnapshotCursor> rows,
                         LogSegments& segments)
    : head_(std::move(head)), rows_(std::move(rows)), segments_(segments) {
  segments_.Pin(this, head_.last.index + 1);
}

StateReader::~StateReader() { segments_.Unpin(this); }

void StateReader::SeekBehind(std::string_view key) {
  if (rows_ != nullptr) rows_->SeekBehind(key);
  rows_read_ = 0;
  from_the_first_ = key.empty();
  at_end_ = false;
}

Status StateReader::Read(uint64_t bytes_max, std::string& out) {
  out.clear();
  while (rows_ != nullptr && !at_end_ && (out.empty() || out.size() < bytes_max)) {
    SnapshotRow row;
    if (Status status = rows_->Next(row); !status.ok()) return status;
    if (row.key.empty()) {
      at_end_ = true;
      if (!from_the_first_ || rows_read_ == head_.mark.rows) break;
      return Status::Damaged("the snapshot has " + std::to_string(rows_read_) + " rows, but " +
                             std::to_string(head_.mark.rows) + " were written");
    }
    ++rows_read_;
    AppendWord(out, row.key);
    AppendWord(out, row.value);
  }
  return Status::Ok();
}

}  // namespace holdfast
