// Recovery: what every log must prove before its batches count, wherever its records come from. It
// takes the records in order, refuses a gap, a bad byte, a stranger or a step back in epochs, and
// passes on what the snapshot lacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/history.h"
#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

// "<where>: <what>; <how to go on>": every refusal to start ends with the remedy.
Status RefuseAsDamaged(std::string_view where, std::string_view what);
// The first two of the three; any other text as it is.
std::string_view WithoutRemedy(std::string_view text);

class Recovery {
 public:
  // `cuts` and `fn` must outlive it.
  Recovery(const History& history, const Cuts& cuts, const ReplayFn& fn);

  // The next record. kDamaged, naming the index, or what `fn` returned.
  Status Take(std::string_view record);

  // After the last record: the log must reach the oldest batch that anybody still counts on: every
  // cut and the witness.
  Status Finish(Index witness, UnixMs witness_time);

  const Replayed& replayed() const { return replayed_; }

 private:
  Status CheckPlace(const RecordHeader& header) const;
  Status PassOn(Index index, std::string_view mutations);

  const History history_;
  const Cuts& cuts_;
  const ReplayFn& fn_;
  Index oldest_cut_;
  Index newest_cut_;
  uint64_t epoch_ = 0;
  RecordView record_;
  std::string above_cut_;
  Replayed replayed_;
};

}  // namespace holdfast
