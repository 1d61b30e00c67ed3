#include "storage/log_identity.h"

#include <utility>

#include "storage/base/invariant.h"
#include "storage/database.h"
#include "storage/opening.h"
#include "storage/recovery.h"
#include "storage/trimmed_epochs.h"

namespace holdfast {
namespace {

// A row of ours that was read: kDamaged becomes a refusal that says where.
Status At(const std::string& where, const Status& status) {
  return status.code() == Status::Code::kDamaged ? RefuseAsDamaged(where, status.text()) : status;
}

}  // namespace

Status LogIdentity::Open() {
  std::string row;
  if (Status read = database_.ReadMeta(kHistoryKey, row); !read.ok()) return read;
  Status status = At(database_.path(), DecodeHistory(row, history_));
  if (!status.ok()) return status;
  status = database_.ReadMeta(kTrimmedEpochsKey, row);
  if (status.ok()) status = At(database_.path(), DecodeTrimmedEpochs(row, trimmed_));
  if (!status.ok() && status.code() != Status::Code::kNotFound) return status;
  epochs_ = trimmed_;
  return OpenNode();
}

Status LogIdentity::Begin(const HistoryId& id) {
  if (Status status = DrawHistory(history_); !status.ok()) return status;
  history_.id = id;
  Status status = database_.WriteMeta(kHistoryKey, EncodeHistory(history_));
  return status.ok() ? OpenNode() : status;
}

Status LogIdentity::OpenNode() {
  Status status = ReadNodeMark(node_path_, node_);
  if (status.code() != Status::Code::kNotFound) return At(node_path_, status);
  node_.promise = {.epoch = history_.epoch};
  if (status = DrawId(node_.id); !status.ok()) return status;
  return WriteNodeMark(node_path_, node_);
}

History LogIdentity::history() const {
  const std::lock_guard lock(mutex_);
  return history_;
}

NodeId LogIdentity::node() const {
  const std::lock_guard lock(mutex_);
  return node_.id;
}

Promise LogIdentity::promise() const {
  const std::lock_guard lock(mutex_);
  return node_.promise;
}

Epochs LogIdentity::epochs() const {
  const std::lock_guard lock(mutex_);
  return epochs_;
}

Epochs LogIdentity::EpochsUpTo(Index last) const {
  const std::lock_guard lock(mutex_);
  Epochs known = trimmed_;
  // What the log tells of itself counts.
  if (!epochs_.empty()) known.CutTo(epochs_.starts().front().first - 1);
  for (const EpochStart& start : epochs_.starts()) known.Begin(start);
  known.CutTo(last);
  return known;
}

Epoch LogIdentity::last_epoch() const {
  const std::lock_guard lock(mutex_);
  return epochs_.last();
}

Status LogIdentity::KeepPromise(const Promise& promise) {
  const std::lock_guard file_lock(file_mutex_);
  const NodeMark mark{.id = node(), .promise = promise};
  if (Status status = WriteNodeMark(node_path_, mark); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  node_ = mark;
  return Status::Ok();
}

Status LogIdentity::RenameNode() {
  const std::lock_guard file_lock(file_mutex_);
  NodeMark mark;
  if (Status status = DrawId(mark.id); !status.ok()) return status;
  if (Status status = WriteNodeMark(node_path_, mark); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  node_ = mark;
  return Status::Ok();
}

Status LogIdentity::RaiseEpoch(Epoch epoch) {
  const std::lock_guard file_lock(file_mutex_);
  History raised = history();
  Invariant(epoch > raised.epoch);
  raised.epoch = epoch;
  Status status = database_.WriteMeta(kHistoryKey, EncodeHistory(raised));
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  history_.epoch = epoch;
  return Status::Ok();
}

void LogIdentity::SetEpochs(Epochs epochs) {
  const std::lock_guard lock(mutex_);
  epochs_ = std::move(epochs);
}

void LogIdentity::NoteEpoch(EpochStart start) {
  const std::lock_guard lock(mutex_);
  epochs_.Begin(std::move(start));
}

Status LogIdentity::NoteRecord(const RecordView& record) {
  const std::lock_guard lock(mutex_);
  return holdfast::NoteRecord(record, epochs_);
}

void LogIdentity::CutEpochs(Index last) {
  const std::lock_guard lock(mutex_);
  epochs_.CutTo(last);
}

Status LogIdentity::Replace(const History& history, const Epochs& trimmed) {
  const std::lock_guard file_lock(file_mutex_);
  Status status = database_.WriteMeta(kHistoryKey, EncodeHistory(history));
  if (status.ok()) {
    status = database_.WriteMeta(kTrimmedEpochsKey, EncodeTrimmedEpochs(trimmed));
  }
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  history_ = history;
  trimmed_ = trimmed;
  epochs_ = trimmed;
  return Status::Ok();
}

Status LogIdentity::KeepEpochsBelow(Index first) {
  const std::lock_guard file_lock(file_mutex_);
  Epochs below = epochs();
  below.CutTo(first - 1);
  {
    const std::lock_guard lock(mutex_);
    if (below == trimmed_) return Status::Ok();
  }
  Status status = database_.WriteMeta(kTrimmedEpochsKey, EncodeTrimmedEpochs(below));
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  trimmed_ = std::move(below);
  // Until the drop the log has them itself; afterwards only that of the batch in front of it is
  // asked for. The next row still tells of it: a crash before the next drop leaves this beginning.
  epochs_.TrimTo(first - 1);
  return Status::Ok();
}

}  // namespace holdfast
