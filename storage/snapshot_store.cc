#include "storage/snapshot_store.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/invariant.h"
#include "storage/database.h"
#include "storage/recovery.h"
#include "storage/snapshot_cursor.h"
#include "storage/snapshot_tables.h"

namespace holdfast {

struct SnapshotStore::Impl {
  Status ReadMark();
  Status Adopt(std::vector<Family> families);
  // Tells the fatal handler unless it is Ok.
  Status Told(Status status) const;

  Database& database;
  const SnapshotStoreOptions options;
  SnapshotMark mark{};
  Family current{};
  // Until Start: keeps the current tables open while partition after partition is read.
  std::unique_ptr<SnapshotCursor> open_tables{};
  std::vector<Family> orphans{};
  size_t removed_orphans = 0;
  uint64_t last_number = 0;
  Family unfinished{};
  std::optional<SnapshotTables> tables{};  // of the unfinished one
  std::mutex hold_current{};
};

SnapshotStore::SnapshotStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SnapshotStore::~SnapshotStore() = default;

const SnapshotMark& SnapshotStore::current() const { return impl_->mark; }
size_t SnapshotStore::removed_orphans() const { return impl_->removed_orphans; }

Status SnapshotStore::Open(Database& database, SnapshotStoreOptions options,
                           std::unique_ptr<SnapshotStore>& out) {
  std::unique_ptr<Impl> impl(new Impl{.database = database, .options = std::move(options)});
  if (Status status = impl->ReadMark(); !status.ok()) return status;
  Status status = impl->Adopt(database.TakeFound(FamilyKind::kSnapshot));
  if (status.ok()) out.reset(new SnapshotStore(std::move(impl)));
  return status;
}

Status SnapshotStore::Impl::ReadMark() {
  std::string row;
  Status read = database.ReadMeta(kSnapshotKey, row);
  if (read.code() == Status::Code::kNotFound) return Status::Ok();
  if (!read.ok()) return read;
  Status status = DecodeSnapshotMark(row, mark);
  if (status.code() != Status::Code::kDamaged) return status;
  return RefuseAsDamaged(database.path(), status.text());
}

Status SnapshotStore::Impl::Adopt(std::vector<Family> families) {
  last_number = mark.number;
  for (Family& family : families) {
    if (mark.number != 0 && family.number() == mark.number) {
      current = std::move(family);
    } else {
      orphans.push_back(std::move(family));
    }
  }
  if (mark.number == 0) return Status::Ok();
  if (!current) {
    return RefuseAsDamaged(
        database.path(),
        "the snapshot " + Family::NameOf(FamilyKind::kSnapshot, mark.number) + " is missing");
  }
  open_tables = std::make_unique<SnapshotCursor>(database, current, std::nullopt);
  return Status::Ok();
}

Status SnapshotStore::ForEachRow(Partition partition, const RowFn& fn) const {
  const Impl& store = *impl_;
  Invariant(partition < kPartitions);
  if (!store.current) return Status::Ok();
  SnapshotCursor cursor(store.database, store.current, partition);
  for (SnapshotRow row;;) {
    if (Status status = cursor.Next(row); !status.ok()) return status;
    if (row.key.empty()) return Status::Ok();
    if (Status status = fn(row.key, row.value); !status.ok()) return status;
  }
}

std::unique_ptr<SnapshotCursor> SnapshotStore::ReadCurrent() const {
  const Impl& store = *impl_;
  if (!store.current) return nullptr;
  return std::make_unique<SnapshotCursor>(store.database, store.current, std::nullopt);
}

Status SnapshotStore::CheckCount(uint64_t rows) const {
  const Impl& store = *impl_;
  if (rows == store.mark.rows) return Status::Ok();
  return RefuseAsDamaged(store.current.name(), "it has " + std::to_string(rows) + " rows, but " +
                                                   std::to_string(store.mark.rows) +
                                                   " were written");
}

Status SnapshotStore::Start() {
  Impl& store = *impl_;
  store.open_tables.reset();
  if (Status status = RemoveStraySnapshotTables(store.database); !status.ok()) return status;
  for (const Family& orphan : store.orphans) {
    if (Status status = store.database.Drop(orphan); !status.ok()) return status;
    ++store.removed_orphans;
  }
  store.orphans.clear();
  return Status::Ok();
}

Status SnapshotStore::Begin() {
  Impl& store = *impl_;
  Invariant(!store.tables);
  Status status = store.Told(
      store.database.Create(FamilyKind::kSnapshot, ++store.last_number, store.unfinished));
  if (status.ok()) store.tables.emplace(store.database, store.unfinished, store.options.run_bytes);
  return status;
}

Status SnapshotStore::Write(std::string_view key, std::string_view value) {
  Impl& store = *impl_;
  Invariant(store.tables.has_value());
  Invariant(!key.empty());
  Invariant(static_cast<Partition>(key.front()) < kPartitions);
  return store.Told(store.tables->Add(key, value));
}

Status SnapshotStore::Finish(SnapshotMark mark) {
  Impl& store = *impl_;
  Invariant(store.tables.has_value());
  const auto still = HoldCurrent();
  if (Status status = store.Told(store.tables->MoveIntoFamily()); !status.ok()) return status;
  mark.number = store.unfinished.number();
  mark.rows = store.tables->rows();
  mark.bytes = store.tables->bytes();
  // Behind this write a start loads the new snapshot, before it the old one.
  Status status = store.Told(store.database.WriteMeta(kSnapshotKey, EncodeSnapshotMark(mark)));
  if (!status.ok()) return status;
  store.mark = mark;
  store.tables.reset();
  const Family previous = std::exchange(store.current, std::move(store.unfinished));
  return previous ? store.Told(store.database.Drop(previous)) : Status::Ok();
}

std::unique_lock<std::mutex> SnapshotStore::HoldCurrent() {
  return std::unique_lock(impl_->hold_current);
}

Status SnapshotStore::Abandon() {
  Impl& store = *impl_;
  Invariant(store.tables.has_value());
  Status status = store.Told(store.tables->Remove());
  store.tables.reset();
  const Family unfinished = std::move(store.unfinished);
  return status.ok() ? store.Told(store.database.Drop(unfinished)) : status;
}

Status SnapshotStore::Clear() {
  Impl& store = *impl_;
  if (store.tables) {
    if (Status status = Abandon(); !status.ok()) return status;
  }
  const auto still = HoldCurrent();
  if (!store.current) return Status::Ok();
  store.mark = {};
  const Family previous = std::move(store.current);
  Status status = store.Told(store.database.DeleteMeta(kSnapshotKey));
  return status.ok() ? store.Told(store.database.Drop(previous)) : status;
}

Status SnapshotStore::Impl::Told(Status status) const {
  if (!status.ok()) options.fatal(status);
  return status;
}

}  // namespace holdfast
