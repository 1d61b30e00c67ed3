#include "storage/log_reader.h"

#include "storage/log_segments.h"
#include "storage/log_tail.h"

namespace holdfast {

LogReader::LogReader(LogSegments& segments, LogTail& tail, Index after, Waker* waker)
    : segments_(segments), tail_(tail), waker_(waker), place_(after) {
  tail_.Attach(waker_);
  KeepBehind(after);
}

LogReader::~LogReader() {
  segments_.Unpin(this);
  tail_.Detach(waker_);
}

void LogReader::KeepBehind(Index after) { segments_.Pin(this, after + 1); }

Status LogReader::Read(uint64_t bytes_max, std::vector<SealedRecord>& out) {
  const size_t before = out.size();
  if (!tail_.ReadBehind(place_, bytes_max, out)) {
    if (Status status = segments_.ReadBehind(place_, bytes_max, out); !status.ok()) return status;
  }
  if (out.size() > before) place_ = out.back().header.last();
  return Status::Ok();
}

}  // namespace holdfast
