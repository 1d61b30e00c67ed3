// CheckReport: what a data directory holds and what of it is damaged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/arriving_mark.h"
#include "storage/base/server_time.h"
#include "storage/check/cut_mark.h"
#include "storage/check/loaded_state.h"
#include "storage/core/mutation.h"
#include "storage/epochs.h"
#include "storage/history.h"
#include "storage/log.h"
#include "storage/node_mark.h"
#include "storage/snapshot_mark.h"
#include "storage/witness.h"

namespace holdfast {

struct KindFigures {
  uint64_t mutations = 0;
  uint64_t bytes = 0;
};

// Of the log's sound beginning, from its first record to the last before any damage.
struct LogFigures {
  Index first = 0;  // 0 and 0: no record
  Index last = 0;
  UnixMs first_time = kNever;
  UnixMs last_time = kNever;
  uint64_t segments = 0;
  uint64_t records = 0;
  uint64_t batches = 0;
  uint64_t bytes = 0;  // of records, headers included
  std::map<MutationKind, KindFigures> kinds;
};

// Where the log's sound beginning ends too early.
struct LogDamage {
  Index at = 0;                // the first index that is damaged or missing; 0: none
  uint64_t segment = 0;        // the first one that holds anything that cannot stay; 0: none does
  bool segment_keeps = false;  // records that can stay, before those
  // Of what lies at or behind `at` and can still be read.
  uint64_t records = 0;
  Index last = 0;
};

struct Damage {
  std::string text;  // "<place>: <what>"
  bool cut_mends;    // cutting off the log's tail makes it good
};

struct CheckReport {
  std::string directory;
  bool empty = false;  // no server ever stored anything here
  // A full sync was under way: nothing of what is here counts.
  std::optional<ArrivingMark> arriving;
  std::optional<History> history;
  std::optional<NodeMark> node;
  Epochs trimmed_epochs;  // as the row tells of them
  WitnessSlots witness;
  SnapshotMark snapshot;
  uint64_t tables = 0;
  uint64_t table_bytes = 0;
  LogFigures log;
  Epochs epochs;  // of the log's sound beginning
  LogDamage log_damage;
  std::optional<StateFigures> state;
  std::vector<Damage> damages;
  std::vector<std::string> notes;  // what is not as it should be, and harms nobody
  // For a cut.
  bool past_damage = false;  // write-ahead files could only be read past damage in them
  std::optional<CutMark> unfinished_cut;

  bool sound() const { return damages.empty(); }
  Index NewestCut() const;
};

// Whether cutting off the log's tail makes the directory whole. The reason why not; empty: it does.
std::string WhyNotCut(const CheckReport& report);

// The last index that is known to have been there.
Index LastKnown(const CheckReport& report);

// All of it, to be read by people.
std::string ReportText(const CheckReport& report);

// "1795303035151 (2026-11-21 23:17:15.151 UTC)".
std::string TimeText(UnixMs time);

}  // namespace holdfast
