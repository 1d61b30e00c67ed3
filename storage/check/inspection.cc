#include "storage/check/inspection.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "storage/base/parse_int.h"
#include "storage/check/last_words.h"
#include "storage/check/loaded_state.h"
#include "storage/check/log_inspection.h"
#include "storage/check/open_database.h"
#include "storage/core/mutation_text.h"
#include "storage/recovery.h"
#include "storage/snapshot_cursor.h"
#include "storage/snapshot_store.h"
#include "storage/trimmed_epochs.h"

namespace holdfast {
namespace {

class Inspection {
 public:
  Inspection(const DataDirectory& directory, const CheckOptions& options, Progress& progress,
             CheckReport& report)
      : directory_(directory), options_(options), progress_(progress), report_(report) {}

  Status Run();

 private:
  void Damaged(std::string text, bool cut_mends = false) {
    report_.damages.push_back({.text = std::move(text), .cut_mends = cut_mends});
  }
  // A status of ours about something damaged. Any other is returned.
  Status Note(const Status& status, bool cut_mends = false);

  Status ReadWitness();
  Status OpenDatabase();
  Status ReadArriving();
  Status ReadHistory();
  void CompareHistory();
  Status ReadNode();
  Status ReadTrimmedEpochs();
  Status ReadUnfinishedCut();
  void VerifyTables();
  Status ReadSnapshot();
  bool LoadRow(std::string_view facts);
  void ReadLog();
  std::vector<Family> Segments();
  bool IsOrphan(std::string_view family) const;
  bool Goes(std::string_view family) const;
  void JudgeTables();
  void AuditState();

  const DataDirectory& directory_;
  const CheckOptions& options_;
  Progress& progress_;
  CheckReport& report_;
  const WitnessSlot* witness_ = nullptr;  // the valid one of this log
  std::unique_ptr<Database> database_;
  bool mark_known_ = false;
  std::unique_ptr<LoadedState> state_;
  std::vector<std::pair<Database::Table, std::string>> bad_tables_;
};

Status Inspection::Note(const Status& status, bool cut_mends) {
  if (status.code() != Status::Code::kDamaged && status.code() != Status::Code::kIo) return status;
  Damaged(std::string(WithoutRemedy(status.text())), cut_mends);
  return Status::Ok();
}

Status Inspection::Run() {
  report_.directory = directory_.path();
  if (Status status = ReadWitness(); !status.ok()) return status;
  if (Status status = OpenDatabase(); !status.ok() || !database_) return status;
  if (Status status = ReadArriving(); !status.ok()) return status;
  if (report_.arriving) return ReadNode();
  if (Status status = ReadHistory(); !status.ok() || !report_.history) return status;
  CompareHistory();
  if (Status status = ReadNode(); !status.ok()) return status;
  if (Status status = ReadTrimmedEpochs(); !status.ok()) return status;
  if (Status status = ReadUnfinishedCut(); !status.ok()) return status;
  VerifyTables();
  if (options_.state) state_ = std::make_unique<LoadedState>(report_.history->hash_seed);
  std::optional<LastWords> last_words;
  if (options_.state) last_words.emplace();
  if (Status status = ReadSnapshot(); !status.ok()) return status;
  // Without the cuts nobody knows from where on the log is needed.
  if (mark_known_) ReadLog();
  JudgeTables();
  if (mark_known_) AuditState();
  return Status::Ok();
}

Status Inspection::ReadWitness() {
  Status read = holdfast::ReadWitness(directory_.witness(), report_.witness);
  if (read.code() == Status::Code::kNotFound) {
    Damaged(directory_.witness() + ": it is missing: nothing tells how far the log reached", true);
    return Status::Ok();
  }
  if (!read.ok()) return read;
  if (NewestOf(report_.witness) == nullptr) {
    Damaged(directory_.witness() + ": no slot is valid: nothing tells how far the log reached",
            true);
  }
  witness_ = NewestOf(report_.witness);
  for (size_t i = 0; i < report_.witness.size(); ++i) {
    if (report_.witness[i] || witness_ == nullptr) continue;
    report_.notes.push_back("the witness's slot " + std::to_string(i) +
                            " is not valid, as a write leaves it that was cut short; the other "
                            "one counts");
  }
  return Status::Ok();
}

Status Inspection::OpenDatabase() {
  std::error_code error;
  if (!std::filesystem::exists(directory_.db() + "/CURRENT", error)) {
    report_.empty = witness_ != nullptr && witness_->mark.epoch == 0;
    if (report_.empty) return Status::Ok();
    Damaged(directory_.db() + ": it is missing" +
            (witness_ == nullptr ? std::string()
                                 : ", but the witness knows a log up to index " +
                                       std::to_string(witness_->mark.index)));
    return Status::Ok();
  }
  OpenedDatabase opened;
  if (Status status = OpenForReading(directory_, opened); !status.ok()) return Note(status);
  database_ = std::move(opened.database);
  report_.past_damage = !opened.wal_damage.empty();
  for (std::string& damage : opened.wal_damage) Damaged(std::move(damage), true);
  return Status::Ok();
}

Status Inspection::ReadArriving() {
  std::string row;
  ArrivingMark mark;
  Status read = database_->ReadMeta(kArrivingKey, row);
  if (read.code() == Status::Code::kNotFound) return Status::Ok();
  if (read.ok()) read = DecodeArrivingMark(row, mark);
  if (read.ok()) report_.arriving = mark;
  return Note(read);
}

Status Inspection::ReadHistory() {
  std::string row;
  const Status read = database_->ReadMeta(kHistoryKey, row);
  if (read.code() == Status::Code::kNotFound) {
    report_.empty = report_.sound() && witness_ != nullptr && witness_->mark.epoch == 0;
    if (!report_.empty) Damaged(directory_.db() + ": its history row is missing");
    return Status::Ok();
  }
  if (!read.ok()) return Note(read);
  History history;
  const Status decoded = DecodeHistory(row, history);
  if (decoded.ok()) {
    report_.history = history;
  } else {
    Damaged(directory_.db() + ": " + decoded.text());
  }
  return Status::Ok();
}

void Inspection::CompareHistory() {
  if (witness_ == nullptr) return;
  if (witness_->mark.history != report_.history->id ||
      witness_->mark.epoch > report_.history->epoch) {
    witness_ = nullptr;
    Damaged(directory_.witness() + ": it is not the witness of the log beside it");
  }
}

Status Inspection::ReadNode() {
  NodeMark mark;
  Status read = ReadNodeMark(directory_.node(), mark);
  if (read.code() == Status::Code::kNotFound) {
    report_.notes.push_back(read.text() + ": the next start makes the directory a new node");
    return Status::Ok();
  }
  if (read.code() == Status::Code::kDamaged) {
    Damaged(directory_.node() + ": " + read.text());
    return Status::Ok();
  }
  if (read.ok()) report_.node = mark;
  return read;
}

Status Inspection::ReadTrimmedEpochs() {
  std::string row;
  Status read = database_->ReadMeta(kTrimmedEpochsKey, row);
  if (read.code() == Status::Code::kNotFound) return Status::Ok();
  if (read.ok()) read = DecodeTrimmedEpochs(row, report_.trimmed_epochs);
  if (read.code() != Status::Code::kDamaged) return Note(read);
  Damaged(directory_.db() + ": " + std::string(WithoutRemedy(read.text())));
  return Status::Ok();
}

Status Inspection::ReadUnfinishedCut() {
  std::string row;
  const Status read = database_->ReadMeta(kCutKey, row);
  if (read.code() == Status::Code::kNotFound) return Status::Ok();
  if (!read.ok()) return Note(read);
  CutMark mark;
  if (Status decoded = DecodeCutMark(row, mark); !decoded.ok()) return Note(decoded);
  report_.unfinished_cut = mark;
  return Status::Ok();
}

void Inspection::VerifyTables() {
  const std::vector<Database::Table> tables = database_->Tables();
  report_.tables = tables.size();
  for (const Database::Table& table : tables) report_.table_bytes += table.bytes;
  progress_.Begin("tables", report_.table_bytes);
  for (const Database::Table& table : tables) {
    const Status verified = database_->VerifyTable(table);
    if (!verified.ok()) bad_tables_.emplace_back(table, WithoutRemedy(verified.text()));
    progress_.Add(table.bytes);
  }
}

Status Inspection::ReadSnapshot() {
  std::unique_ptr<SnapshotStore> store;
  Status opened =
      SnapshotStore::Open(*database_, {.run_bytes = 0, .fatal = [](const Status&) {}}, store);
  if (!opened.ok()) return Note(opened);
  mark_known_ = true;
  report_.snapshot = store->current();
  progress_.Begin("snapshot", report_.snapshot.bytes);
  uint64_t rows = 0;
  for (int partition = 0; partition < kPartitions; ++partition) {
    const auto take = [&](std::string_view key, std::string_view facts) {
      ++rows;
      progress_.Add(key.size() + facts.size());
      if (LoadRow(facts)) return Status::Ok();
      return Status::Damaged(PlaceOfSnapshotRow(report_.snapshot.number, key) +
                             ": it holds what this version cannot load");
    };
    const Status read = store->ForEachRow(static_cast<Partition>(partition), take);
    if (read.ok()) continue;
    state_.reset();
    return Note(read);
  }
  if (state_) state_->FinishLoad();
  return Note(store->CheckCount(rows));
}

bool Inspection::LoadRow(std::string_view facts) {
  ByteReader reader(facts);
  MutationView fact{};
  while (NextMutation(reader, fact)) {
    if (!IsWellFormed(fact) || (state_ && !state_->Load(fact))) return false;
  }
  return reader.AtEnd();
}

// As they will be once an interrupted cut is finished.
std::vector<Family> Inspection::Segments() {
  std::vector<Family> segments = database_->TakeFound(FamilyKind::kLog);
  std::vector<Family> copies = database_->TakeFound(FamilyKind::kCut);
  if (!report_.unfinished_cut) {
    for (const Family& copy : copies) {
      Damaged(copy.name() + ": cutting off the log's tail was interrupted", true);
    }
    return segments;
  }
  const CutMark& cut = *report_.unfinished_cut;
  Damaged("cut-" + std::to_string(cut.segment) + ": cutting off the log behind index " +
              std::to_string(cut.keep_to) + " was interrupted",
          true);
  std::erase_if(segments, [&](const Family& segment) { return segment.number() >= cut.segment; });
  for (Family& copy : copies) {
    if (copy.number() == cut.segment && cut.rows > 0) segments.push_back(std::move(copy));
  }
  return segments;
}

void Inspection::ReadLog() {
  progress_.Begin("log", report_.table_bytes);
  LogInspection::ApplyFn apply;
  if (state_) apply = [this](const MutationView& mutation) { return state_->Apply(mutation); };
  LogInspection log(*database_, report_, progress_, std::move(apply));
  const std::vector<Family> segments = Segments();
  log.Read(segments);
  if (report_.unfinished_cut) {
    log.CompareEnds(report_.unfinished_cut->keep_to, kNever);
  } else {
    log.CompareEnds(witness_ != nullptr ? witness_->mark.index : 0, kNever);
  }
  if (report_.past_damage && report_.log_damage.at == 0) {
    report_.notes.emplace_back(
        "the log reaches its witness all the same: what is damaged lies behind it, or in tables, "
        "too");
  }
}

// Whether an unfinished snapshot left it.
bool Inspection::IsOrphan(std::string_view family) const {
  const std::string any = Family::NameOf(FamilyKind::kSnapshot, 0);
  return mark_known_ && family.starts_with(any.substr(0, any.size() - 1)) &&
         family != Family::NameOf(FamilyKind::kSnapshot, report_.snapshot.number);
}

// Whether a cut does away with the family.
bool Inspection::Goes(std::string_view family) const {
  const std::string log = Family::NameOf(FamilyKind::kLog, 0);
  const std::string_view prefix = std::string_view(log).substr(0, log.size() - 1);
  const uint64_t from =
      report_.unfinished_cut ? report_.unfinished_cut->segment : report_.log_damage.segment;
  if (from == 0 || !family.starts_with(prefix)) return false;
  const auto number = ParseUint64(family.substr(prefix.size()));
  return number && *number >= from;
}

// A damaged table of the log matters as far as its records do: those of a cut tail go with it.
void Inspection::JudgeTables() {
  for (const auto& [table, text] : bad_tables_) {
    if (IsOrphan(table.family)) {
      report_.notes.push_back(text + "; no start reads it, the next one removes it");
    } else {
      Damaged(text, Goes(table.family));
    }
  }
}

void Inspection::AuditState() {
  if (!state_) return;
  std::vector<std::string> faults;
  report_.state = state_->Audit(faults);
  report_.state->up_to = report_.log.last;
  for (std::string& fault : faults) Damaged(std::move(fault));
}

}  // namespace

Status Check(const DataDirectory& directory, const CheckOptions& options, Progress& progress,
             CheckReport& out) {
  return Inspection(directory, options, progress, out).Run();
}

}  // namespace holdfast
