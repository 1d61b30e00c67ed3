// LogInspection: reads every record that the log has, by the rules by which a start reads it
// (storage/recovery.h), but does not stop at the first that breaks one: what lies behind is
// counted, so that it can be told what a cut would lose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/check/progress.h"
#include "storage/check/report.h"
#include "storage/database.h"
#include "storage/record.h"
#include "storage/recovery.h"

namespace holdfast {

class LogInspection {
 public:
  // Makes the state so far what the mutation says. False: it cannot be.
  using ApplyFn = std::function<bool(const MutationView& mutation)>;

  // Requires: report.history; the snapshot's mark is read. All outlive it.
  LogInspection(const Database& database, CheckReport& report, Progress& progress, ApplyFn apply);

  // By rising number; each has the number behind the one before, or it is missing.
  void Read(const std::vector<Family>& segments);
  // The log must reach every cut and the witness.
  void CompareEnds(Index witness, UnixMs witness_time);

 private:
  void ReadSegment(const Family& segment);
  void TakeRow(std::string_view key, std::string_view record);
  // What is wrong with a record that is next; empty: nothing.
  std::string Judge(Index at, std::string_view record, bool& of_later_version);
  std::string JudgeMutations(bool& of_later_version) const;
  Status Apply(Index index, std::string_view mutations);
  void Count(size_t bytes);
  void CountBehind(std::string_view record);
  void Fail(const std::string& text, bool cut_mends);
  Index Next() const;

  const Database& database_;
  CheckReport& report_;
  Progress& progress_;
  const ApplyFn apply_;
  const ReplayFn replay_;
  Recovery recovery_;
  RecordView record_;
  // The segment that is being read.
  const Family* segment_ = nullptr;
  uint64_t rows_ = 0;
  bool keeps_ = false;
};

// The index in the key of a log's row; 0: it is none.
Index IndexOfLogKey(std::string_view key);

}  // namespace holdfast
