// RocksLog takes another node's state. All of it is replaced in place, step by step, each durable
// before the next: the row "arriving" makes every state in between one that a start gives up. So no
// step needs to leave anything whole, and the directory never holds more than one state, besides
// the node's promise, which outlives them all.
#include <algorithm>

#include "storage/arriving_mark.h"
#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/rocks_log_impl.h"
#include "storage/trimmed_epochs.h"

namespace holdfast {
namespace {

// It came over a link: whether a log may go on so.
Status CheckHead(const StateHead& head) {
  const auto [oldest, newest] = std::ranges::minmax(head.mark.cuts);
  const bool has_rows = head.mark.number != 0;
  const Index begins = head.epochs.empty() ? 0 : head.epochs.starts().back().first;
  const bool sound = (has_rows || (newest == 0 && head.mark.rows == 0)) &&
                     (oldest == 0 ? head.last == LogPlace{} : head.last.index < oldest) &&
                     begins <= head.last.index &&
                     head.epochs.At(head.last.index) == head.last.epoch &&
                     head.epochs.last() <= head.history.epoch;
  return sound ? Status::Ok() : Status::Damaged("what a full sync says of itself makes no sense");
}

}  // namespace

// ---- at a start

Status RocksLog::Impl::BeginAnewIfArriving() {
  std::string row;
  Status status = database->ReadMeta(kArrivingKey, row);
  if (status.code() == Status::Code::kNotFound) return Status::Ok();
  ArrivingMark mark;
  if (status.ok()) status = DecodeArrivingMark(row, mark);
  if (status.code() == Status::Code::kDamaged)
    return RefuseAsDamaged(directory.db(), status.text());
  return status.ok() ? BeginAnew() : status;
}

// Then the directory is as one of which nothing but the witness was made. The row goes last: a
// crash before that, and all of it is done again.
Status RocksLog::Impl::BeginAnew() {
  witness_mark = {};
  Status status = DrawId(witness_mark.history);
  for (int slot = 0; slot < 2 && status.ok(); ++slot) status = witness.Write(witness_mark);
  for (const FamilyKind kind : {FamilyKind::kSnapshot, FamilyKind::kLog}) {
    for (const Family& family : database->TakeFound(kind)) {
      if (status.ok()) status = database->Drop(family);
    }
  }
  for (const auto key : {kSnapshotKey, kTrimmedEpochsKey, kHistoryKey, kArrivingKey}) {
    if (status.ok()) status = database->DeleteMeta(key);
  }
  began_anew = status.ok();
  return status;
}

bool RocksLog::BeganAnew() const { return impl_->began_anew; }

// ---- while following

bool RocksLog::Installing() const { return impl_->installing.load(std::memory_order_acquire); }

Status RocksLog::BeginInstall(const StateHead& head) {
  Impl& log = *impl_;
  if (Status status = CheckHead(head); !status.ok()) return status;
  RequestSync(LastPushed());
  if (Status status = log.AwaitDurable(LastPushed()); !status.ok()) return status;
  const std::lock_guard lock(log.end_mutex);
  Status status = log.GiveUpFor(head);
  // Half of it is neither state.
  if (!status.ok()) log.Die(status);
  return status;
}

Status RocksLog::Impl::GiveUpFor(const StateHead& head) {
  {
    // A backup has all of what is here or none.
    const auto still = snapshots->HoldCurrent();
    installing.store(true, std::memory_order_release);
    const ArrivingMark mark{.history = head.history.id, .last = head.last};
    Status status = database->WriteMeta(kArrivingKey, EncodeArrivingMark(mark));
    if (!status.ok()) return status;
  }
  if (Status status = segments->StartOver(); !status.ok()) return status;
  if (Status status = snapshots->Clear(); !status.ok()) return status;
  identity->SetEpochs({});
  acked.store(0, std::memory_order_relaxed);
  GoOnBehind({});
  arrival = Arrival{.head = head};
  return head.mark.number != 0 ? snapshots->Begin() : Status::Ok();
}

std::optional<StatePlace> RocksLog::GoOnInstalling(const StateHead& head) {
  const auto& arrival = impl_->arrival;
  if (!arrival || !arrival->sound || arrival->in_place) return std::nullopt;
  if (arrival->place.rows == 0 || !IsSameState(arrival->head, head)) return std::nullopt;
  return arrival->place;
}

Status RocksLog::InstallRows(std::string_view packed) {
  Impl& log = *impl_;
  Invariant(log.arrival && !log.arrival->in_place);
  Status status = log.TakeRows(packed);
  if (!status.ok()) log.arrival->sound = false;
  return status;
}

Status RocksLog::Impl::TakeRows(std::string_view packed) {
  ByteReader words(packed);
  while (!words.rest().empty()) {
    const std::string_view key = words.Word();
    const std::string_view value = words.Word();
    if (words.failed()) return Status::Damaged("a full sync brings a row that ends too early");
    if (Status status = TakeRow(key, value); !status.ok()) return status;
  }
  return Status::Ok();
}

// They come in order, so that none comes twice.
Status RocksLog::Impl::TakeRow(std::string_view key, std::string_view value) {
  const bool fits = !key.empty() && static_cast<Partition>(key.front()) < kPartitions &&
                    key > arrival->place.key && arrival->place.rows < arrival->head.mark.rows;
  if (!fits) return Status::Damaged("a full sync brings a row that is none of its snapshot's");
  arrival->place.key = key;
  ++arrival->place.rows;
  return snapshots->Write(key, value);
}

Status RocksLog::FinishInstall() {
  Impl& log = *impl_;
  Invariant(log.arrival && !log.arrival->in_place);
  const StateHead& head = log.arrival->head;
  const uint64_t rows = log.arrival->place.rows;
  if (rows != head.mark.rows) {
    log.arrival->sound = false;
    return Status::Damaged("a full sync ends after " + std::to_string(rows) + " rows of " +
                           std::to_string(head.mark.rows));
  }
  const std::lock_guard lock(log.end_mutex);
  Status status = log.PutInPlace(head);
  if (!status.ok()) log.Die(status);
  return status;
}

Status RocksLog::Impl::PutInPlace(const StateHead& head) {
  if (head.mark.number != 0) {
    if (Status status = snapshots->Finish(head.mark); !status.ok()) return status;
  }
  if (Status status = identity->Replace(head.history, head.epochs); !status.ok()) return status;
  witness_mark = {.history = head.history.id,
                  .epoch = head.last.epoch,
                  .index = head.last.index,
                  .server_time = head.mark.server_time};
  if (Status status = witness_writer->Replace(witness_mark); !status.ok()) return status;
  raised = head.history.epoch;
  acked.store(*std::ranges::max_element(head.mark.cuts), std::memory_order_relaxed);
  segments->NoteDurable(head.last.index);
  GoOnBehind(head.last);
  arrival->in_place = true;
  return Status::Ok();
}

Status RocksLog::CompleteInstall() {
  Impl& log = *impl_;
  Invariant(log.arrival && log.arrival->in_place);
  const Index needed = *std::ranges::max_element(log.arrival->head.mark.cuts);
  if (Durable() < needed) {
    return Status::Invalid("the snapshot needs the log up to index " + std::to_string(needed));
  }
  Status status = log.witness_writer->WriteNow();
  if (status.ok()) status = log.database->DeleteMeta(kArrivingKey);
  if (!status.ok()) {
    log.Die(status);
    return status;
  }
  log.arrival.reset();
  log.installing.store(false, std::memory_order_release);
  return Status::Ok();
}

}  // namespace holdfast
