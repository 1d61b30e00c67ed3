#include "storage/check/cut_tail.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "storage/base/invariant.h"
#include "storage/check/log_inspection.h"
#include "storage/check/wal_mender.h"
#include "storage/database.h"
#include "storage/log_segments.h"

namespace holdfast {
namespace {

constexpr uint64_t kMemtableBytes = uint64_t{16} << 20;

class Cutter {
 public:
  Cutter(const DataDirectory& directory, const CheckReport& report, const CutOptions& options)
      : directory_(directory), report_(report), options_(options) {}

  Status Run();

 private:
  Status WriteWitness(Index index);
  Status OpenDatabase();
  Status MakeCopy();
  Status Replace();
  Status CopyRows(const Family& from, const Family& to, CutMark& mark);

  const DataDirectory& directory_;
  const CheckReport& report_;
  const CutOptions& options_;
  std::unique_ptr<Database> database_;
  std::vector<Family> segments_;
  std::vector<Family> copies_;
  CutMark mark_;
};

Status Cutter::Run() {
  const WitnessSlot* const newest = NewestOf(report_.witness);
  // Records that stay may still be in the page cache alone: nothing is claimed that was not.
  const Index claimed = newest != nullptr ? newest->mark.index : 0;
  if (Status status = WriteWitness(std::min(claimed, report_.log.last)); !status.ok())
    return status;
  if (Status status = OpenDatabase(); !status.ok()) return status;
  if (report_.unfinished_cut) {
    mark_ = *report_.unfinished_cut;
  } else {
    // Of an interrupted cut that had not got far.
    for (const Family& copy : copies_) {
      if (Status status = database_->Drop(copy); !status.ok()) return status;
    }
    copies_.clear();
    if (report_.log_damage.segment != 0) {
      if (Status status = MakeCopy(); !status.ok()) return status;
    }
  }
  if (mark_.segment != 0) {
    if (Status status = Replace(); !status.ok()) return status;
  }
  segments_.clear();
  copies_.clear();
  database_.reset();
  return WriteWitness(report_.log.last);
}

Status Cutter::WriteWitness(Index index) {
  const WitnessSlot* const newest = NewestOf(report_.witness);
  // The clock goes on from the latest time that anybody was told, as after any start.
  const UnixMs time = newest != nullptr ? std::max(newest->mark.server_time, report_.log.last_time)
                                        : report_.log.last_time;
  return Witness::Create(directory_.witness(), {.history = report_.history->id,
                                                .epoch = report_.history->epoch,
                                                .index = index,
                                                .server_time = time});
}

Status Cutter::OpenDatabase() {
  std::shared_ptr<rocksdb::FileSystem> disk = options_.file_system;
  if (report_.past_damage) disk = std::make_shared<WalMender>(disk);
  Status opened = Database::Open({.path = directory_.db(),
                                  .memtable_bytes = kMemtableBytes,
                                  .file_system = std::move(disk),
                                  .use = DatabaseUse::kRepair},
                                 database_);
  if (!opened.ok()) return opened;
  segments_ = database_->TakeFound(FamilyKind::kLog);
  copies_ = database_->TakeFound(FamilyKind::kCut);
  return Status::Ok();
}

Status Cutter::MakeCopy() {
  mark_ = {.segment = report_.log_damage.segment, .keep_to = report_.log.last};
  Family copy;
  Status made = database_->Create(FamilyKind::kCut, mark_.segment, copy);
  if (!made.ok()) return made;
  if (report_.log_damage.segment_keeps) {
    const auto segment = std::find_if(segments_.begin(), segments_.end(), [&](const Family& one) {
      return one.number() == mark_.segment;
    });
    Invariant(segment != segments_.end());
    if (Status status = CopyRows(*segment, copy, mark_); !status.ok()) return status;
  }
  copies_.push_back(std::move(copy));
  return database_->WriteMeta(kCutKey, EncodeCutMark(mark_));
}

Status Cutter::Replace() {
  while (!segments_.empty() && segments_.back().number() >= mark_.segment) {
    if (Status status = database_->Drop(segments_.back()); !status.ok()) return status;
    segments_.pop_back();
  }
  const auto copy = std::find_if(copies_.begin(), copies_.end(),
                                 [&](const Family& one) { return one.number() == mark_.segment; });
  if (mark_.rows > 0) {
    Invariant(copy != copies_.end());
    Family segment;
    Status made = database_->Create(FamilyKind::kLog, mark_.segment, segment);
    if (!made.ok()) return made;
    CutMark copied = mark_;
    if (Status status = CopyRows(*copy, segment, copied); !status.ok()) return status;
    segments_.push_back(std::move(segment));
  }
  if (Status status = database_->DeleteMeta(kCutKey); !status.ok()) return status;
  return copy == copies_.end() ? Status::Ok() : database_->Drop(*copy);
}

// All rows up to the one that ends at mark.keep_to, durably. Behind it nothing is read: it may be
// what is damaged.
Status Cutter::CopyRows(const Family& from, const Family& to, CutMark& mark) {
  mark.rows = 0;
  Index last = 0;
  Status wrote;
  Status read = database_->ForEachRow(from, [&](std::string_view key, std::string_view row) {
    RecordView record;
    wrote = DecodeRecord(row, record);
    if (wrote.ok()) wrote = database_->PutUnlogged(to, key, row);
    if (!wrote.ok()) return false;
    ++mark.rows;
    last = record.header.last();
    return last < mark.keep_to;
  });
  if (!wrote.ok()) return wrote;
  if (!read.ok()) return read;
  if (last != mark.keep_to) {
    return Status::Io(from.name() + " reads otherwise than before, up to index " +
                      std::to_string(last));
  }
  return database_->Flush(to);
}

}  // namespace

Status CutTail(const DataDirectory& directory, const CheckReport& report,
               const CutOptions& options) {
  Invariant(!report.sound());
  Invariant(WhyNotCut(report).empty());
  return Cutter(directory, report, options).Run();
}

std::string CutText(const CheckReport& report) {
  const Index kept = report.log.last;
  const Index known = LastKnown(report);
  std::string text = "kept       all up to index " + std::to_string(kept) + ", " +
                     TimeText(report.log.last_time) + "\n";
  if (known > kept) {
    text += "lost       index " + std::to_string(kept + 1) + " to " + std::to_string(known) + ", " +
            std::to_string(known - kept) + " batches; of these " +
            std::to_string(report.log_damage.records) + " whole records could still be read\n";
  } else {
    text += "lost       nothing that could be named\n";
  }
  if (NewestOf(report.witness) == nullptr) {
    text += "unknown    whether there was more: the witness, who would know, was lost\n";
  }
  return text;
}

}  // namespace holdfast
