// RocksLog as a node of a group: what comes from a primary, and what goes to replicas.
#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/log_reader.h"
#include "storage/rocks_log_impl.h"
#include "storage/snapshot_cursor.h"

namespace holdfast {
namespace {

// A reload reads the log in such pieces.
constexpr uint64_t kReloadBytes = uint64_t{1} << 20;

// The records from the one on that begins with `first` to the one that holds `last`.
Status TakeAgain(const LogSegments& segments, const LogSegments::Span& span, Recovery& recovery) {
  std::vector<SealedRecord> records;
  for (Index last = span.first - 1; last < span.last;) {
    records.clear();
    if (Status status = segments.ReadBehind(last, kReloadBytes, records); !status.ok()) {
      return status;
    }
    if (records.empty()) return Status::Ok();
    for (const SealedRecord& record : records) {
      if (record.header.first > span.last) return Status::Ok();
      if (Status status = recovery.Take(*record.bytes); !status.ok()) return status;
    }
    last = records.back().header.last();
  }
  return Status::Ok();
}

}  // namespace

Status RocksLog::KeepPromise(const Promise& promise) {
  return impl_->identity->KeepPromise(promise);
}

// The log thread makes the epoch durable before it writes the batch.
Index RocksLog::OpenEpoch(Epoch epoch, Group group, UnixMs now) {
  LogIdentity& identity = *impl_->identity;
  Invariant(!Installing());
  Invariant(identity.promise().epoch == epoch);
  Invariant(identity.promise().primary == identity.node());
  const Index index = impl_->queue.OpenEpoch(epoch, group, now);
  identity.NoteEpoch({.epoch = epoch, .first = index, .group = std::move(group)});
  return index;
}

void RocksLog::Follow() { impl_->queue.Follow(); }

void RocksLog::NoteAcked(Index acked) { impl_->acked.store(acked, std::memory_order_relaxed); }

std::unique_ptr<LogReader> RocksLog::ReadBehind(Index after, Waker* waker) {
  return std::make_unique<LogReader>(*impl_->segments, impl_->tail, after, waker);
}

Status RocksLog::Store(std::shared_ptr<const std::string> record) {
  SealedRecord sealed{.bytes = std::move(record)};
  const Status decoded = DecodeRecordHeader(*sealed.bytes, sealed.header);
  Invariant(decoded.ok());
  Invariant(!impl_->arrival || impl_->arrival->in_place);
  LogIdentity& identity = *impl_->identity;
  if (sealed.header.epoch != identity.last_epoch()) {
    RecordView view;
    if (Status status = DecodeRecord(*sealed.bytes, view); !status.ok()) return status;
    if (Status status = identity.NoteRecord(view); !status.ok()) return status;
  }
  impl_->queue.Store(std::move(sealed));
  return Status::Ok();
}

Status RocksLog::CutTo(Index last) {
  Impl& log = *impl_;
  Invariant(last <= LastPushed());
  RequestSync(LastPushed());
  if (Status status = log.AwaitDurable(LastPushed()); !status.ok()) return status;
  const std::lock_guard lock(log.end_mutex);
  if (last == log.written.index) return Status::Ok();
  if (Status status = log.CanCutTo(last); !status.ok()) return status;
  Status status = log.CutTo({.epoch = log.identity->epochs().At(last), .index = last});
  // Half of a cut is a log that nobody knows the end of.
  if (!status.ok()) log.Die(status);
  return status;
}

Status RocksLog::Impl::CanCutTo(Index last) {
  {
    const auto still = snapshots->HoldCurrent();
    const Index needed = *std::ranges::max_element(snapshots->current().cuts);
    if (last < needed) {
      return Status::Invalid("the snapshot needs the log up to index " + std::to_string(needed));
    }
  }
  return segments->CanCutTo(last);
}

// The witness first, in both slots: a start refuses a log that ends before it.
Status RocksLog::Impl::CutTo(const LogPlace& last) {
  if (Status status = witness_writer->Lower(last); !status.ok()) return status;
  if (Status status = segments->CutTo(last.index); !status.ok()) return status;
  identity->CutEpochs(last.index);
  GoOnBehind(last);
  return Status::Ok();
}

void RocksLog::Impl::GoOnBehind(const LogPlace& last) {
  tail.Clear();
  written = last;
  durable.store(last.index, std::memory_order_release);
  queue.StartAfter(last);
}

// ---- the state, to another node and again to this one

Status RocksLog::ReadState(std::unique_ptr<StateReader>& out) {
  Impl& log = *impl_;
  const auto still = log.snapshots->HoldCurrent();
  if (log.installing) return Status::Busy("another node's state is just coming in");
  StateHead head{.history = log.identity->history(), .mark = log.snapshots->current()};
  const Index oldest_cut = *std::ranges::min_element(head.mark.cuts);
  if (oldest_cut > 0) {
    LogSegments::Span record{};
    if (Status status = log.segments->FindRecord(oldest_cut, record); !status.ok()) return status;
    head.epochs = log.identity->EpochsUpTo(record.first - 1);
    head.last = {.epoch = head.epochs.At(record.first - 1), .index = record.first - 1};
  }
  // Pins the log before the next snapshot can have it trimmed.
  out = std::make_unique<StateReader>(std::move(head), log.snapshots->ReadCurrent(), *log.segments);
  return Status::Ok();
}

Status RocksLog::BecomeAnotherNode() { return impl_->identity->RenameNode(); }

Index RocksLog::FirstIndex() const { return impl_->segments->First(); }

Status RocksLog::ReplayAgain(const Cuts& cuts, Index up_to, const ReplayFn& fn) {
  Impl& log = *impl_;
  up_to = std::min(up_to, Durable());
  Recovery recovery(log.identity->history(), log.identity->EpochsUpTo(up_to), cuts, fn, up_to);
  if (up_to > 0) {
    // With the record that holds the oldest cut: it is there, though there may be none behind it.
    const Index oldest_cut = *std::ranges::min_element(cuts);
    LogSegments::Span record{};
    Status status = log.segments->FindRecord(std::max<Index>(oldest_cut, 1), record);
    if (!status.ok()) return status;
    status = TakeAgain(*log.segments, {.first = record.first, .last = up_to}, recovery);
    if (!status.ok()) return status;
  }
  return recovery.Finish(up_to, kNever);
}

}  // namespace holdfast
