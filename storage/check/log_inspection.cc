#include "storage/check/log_inspection.h"

#include <algorithm>
#include <utility>

#include "storage/check/last_words.h"
#include "storage/core/mutation_text.h"
#include "storage/log_segments.h"

namespace holdfast {
namespace {

std::string AtIndex(Index index) { return "the log at index " + std::to_string(index); }

// A record that begins as ours do, with another version behind it.
bool IsOfLaterFormat(std::string_view record) {
  return record.starts_with("HFR") && !record.starts_with("HFR1");
}

}  // namespace

Index IndexOfLogKey(std::string_view key) {
  Index index = 0;
  if (key.size() != sizeof index) return 0;
  for (const char byte : key) index = index << 8 | static_cast<unsigned char>(byte);
  return index;
}

LogInspection::LogInspection(const Database& database, CheckReport& report, Progress& progress,
                             ApplyFn apply)
    : database_(database),
      report_(report),
      progress_(progress),
      apply_(std::move(apply)),
      replay_([this](Index index, std::string_view mutations) { return Apply(index, mutations); }),
      recovery_(*report.history, report.trimmed_epochs, report.snapshot.cuts, replay_) {}

Index LogInspection::Next() const { return recovery_.replayed().last + 1; }

void LogInspection::Read(const std::vector<Family>& segments) {
  report_.log.segments = segments.size();
  for (size_t i = 0; i < segments.size(); ++i) {
    const Family& segment = segments[i];
    segment_ = &segment;
    rows_ = 0;
    keeps_ = false;
    if (i > 0 && segment.number() != segments[i - 1].number() + 1) {
      Fail(AtIndex(Next()) + ": segment " +
               Family::NameOf(FamilyKind::kLog, segments[i - 1].number() + 1) + " is missing",
           true);
    }
    ReadSegment(segment);
    if (rows_ == 0 && i + 1 < segments.size()) {
      Fail("the log's segment " + segment.name() + ": it is empty", true);
    }
  }
  segment_ = nullptr;
  report_.epochs = recovery_.epochs();
  if (segments.empty()) Fail("the log: it has no segment", false);
}

void LogInspection::ReadSegment(const Family& segment) {
  const Status read =
      database_.ForEachRow(segment, [this](std::string_view key, std::string_view record) {
        ++rows_;
        TakeRow(key, record);
        progress_.Add(record.size());
        return true;
      });
  if (read.ok()) return;
  ++rows_;  // there are some, or there were
  Fail(AtIndex(Next()) + ": " + std::string(WithoutRemedy(read.text())), true);
}

void LogInspection::TakeRow(std::string_view key, std::string_view record) {
  if (report_.log_damage.at != 0) return CountBehind(record);
  const Index at = IndexOfLogKey(key);
  bool of_later_version = false;
  const std::string fault = Judge(at, record, of_later_version);
  if (fault.empty()) return Count(record.size());
  Fail(fault + " (in " + segment_->name() + ")", !of_later_version);
  CountBehind(record);
}

std::string LogInspection::Judge(Index at, std::string_view record, bool& of_later_version) {
  if (const Status decoded = DecodeRecord(record, record_); !decoded.ok()) {
    of_later_version = IsOfLaterFormat(record);
    return AtIndex(at) + ": " + decoded.text();
  }
  if (record_.header.first != at) {
    return AtIndex(record_.header.first) + ": the record lies under another index, " +
           std::to_string(at);
  }
  if (std::string fault = JudgeMutations(of_later_version); !fault.empty()) return fault;
  const Status taken = recovery_.Take(record);
  return taken.ok() ? std::string() : std::string(WithoutRemedy(taken.text()));
}

std::string LogInspection::JudgeMutations(bool& of_later_version) const {
  Index index = record_.header.first;
  for (const BatchView& batch : record_.batches) {
    ByteReader reader(batch.mutations);
    MutationView mutation{};
    while (NextMutation(reader, mutation)) {
      if (!IsKnown(mutation.kind)) {
        of_later_version = true;
        return AtIndex(index) + ": a mutation of " + NameOf(mutation.kind) +
               ", which this version does not know; a later one wrote it";
      }
      if (IsStateKind(mutation.kind) || !IsWellFormed(mutation)) {
        return AtIndex(index) + ": a mutation of kind " + NameOf(mutation.kind) + " that is none";
      }
    }
    ++index;
  }
  return {};
}

Status LogInspection::Apply(Index index, std::string_view mutations) {
  LastWords::Loading(index);
  ByteReader reader(mutations);
  MutationView mutation{};
  while (NextMutation(reader, mutation)) {
    if (apply_ && !apply_(mutation)) {
      std::string text = AtIndex(index) + ": what came before rules out ";
      AppendText(text, mutation);
      return Status::Damaged(std::move(text));
    }
  }
  return Status::Ok();
}

void LogInspection::Count(size_t bytes) {
  const RecordHeader& header = record_.header;
  LogFigures& log = report_.log;
  keeps_ = true;
  if (log.records == 0) {
    log.first = header.first;
    log.first_time = header.server_time;
  }
  log.last = header.last();
  log.last_time = header.server_time;
  ++log.records;
  log.batches += header.count;
  log.bytes += bytes;
  for (const BatchView& batch : record_.batches) {
    ByteReader reader(batch.mutations);
    MutationView mutation{};
    size_t left = batch.mutations.size();
    while (NextMutation(reader, mutation)) {
      KindFigures& figures = log.kinds[mutation.kind];
      ++figures.mutations;
      figures.bytes += left - reader.rest().size();
      left = reader.rest().size();
    }
  }
}

void LogInspection::CountBehind(std::string_view record) {
  LogDamage& damage = report_.log_damage;
  RecordView behind;
  if (!DecodeRecord(record, behind).ok()) return;
  if (behind.header.history != report_.history->id || behind.header.first < damage.at) return;
  ++damage.records;
  damage.last = std::max(damage.last, behind.header.last());
}

void LogInspection::Fail(const std::string& text, bool cut_mends) {
  LogDamage& damage = report_.log_damage;
  if (damage.at == 0) {
    damage.at = Next();
    if (segment_ != nullptr) damage.segment = segment_->number();
    damage.segment_keeps = keeps_;
  }
  report_.damages.push_back({.text = text, .cut_mends = cut_mends});
}

void LogInspection::CompareEnds(Index witness, UnixMs witness_time) {
  // Told already, by what is wrong where the log should go on.
  if (report_.log_damage.at != 0) return;
  const Status reached = recovery_.Finish(witness, witness_time);
  if (reached.ok()) return;
  Fail(std::string(WithoutRemedy(reached.text())),
       recovery_.replayed().last >= report_.NewestCut());
}

}  // namespace holdfast
