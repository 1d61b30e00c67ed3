// Recovery: what every log must prove before its batches count, wherever its records come from. It
// takes the records in order, refuses a gap, a bad byte, a stranger, a step back in epochs or one
// that no opening announces, and passes on what the snapshot lacks, but for the openings: they tell
// the log's own story.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/epochs.h"
#include "storage/history.h"
#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

// "<where>: <what>; <how to go on>": every refusal to start ends with the remedy.
Status RefuseAsDamaged(std::string_view where, std::string_view what);
// The first two of the three; any other text as it is.
std::string_view WithoutRemedy(std::string_view text);

inline constexpr Index kWholeLog = ~Index{0};

class Recovery {
 public:
  // `trimmed`: the epochs that began before the log's first record (and others: they do not count).
  // Batches behind `up_to` are checked, and not passed on. `cuts` and `fn` must outlive it.
  Recovery(const History& history, Epochs trimmed, const Cuts& cuts, const ReplayFn& fn,
           Index up_to = kWholeLog);

  // The next record. kDamaged, naming the index, or what `fn` returned.
  Status Take(std::string_view record);

  // After the last record: the log must reach the oldest batch that anybody still counts on: every
  // cut and the witness.
  Status Finish(Index witness, UnixMs witness_time);

  const Replayed& replayed() const { return replayed_; }
  // Of the records so far.
  const Epochs& epochs() const { return epochs_; }

 private:
  Status CheckPlace(const RecordHeader& header) const;
  Status PassOnBatches();
  Status PassOn(Index index, std::string_view mutations);

  const History history_;
  const Cuts& cuts_;
  const ReplayFn& fn_;
  const Index up_to_;
  Index oldest_cut_;
  Index newest_cut_;
  Epochs epochs_;
  RecordView record_;
  std::string above_cut_;
  Replayed replayed_;
};

}  // namespace holdfast
