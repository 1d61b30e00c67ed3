// Dump: the log's records as text, a line for each record and one for each mutation of it:
//
//   record first=7 last=8 batches=2 bytes=210 epoch=1 acked=6 time=1795303035151 segment=log-1
//     7 gated HoldTaken db=0 slot=9 key="mask" at=1795303035151 ...
//     8 StringSet db=0 slot=77 key="session" deadline=0 value="..."
//   missing first=9 last=11
//   damaged segment=log-1 index=12: the checksum of a record does not fit
//
// See storage/core/mutation_text.h for the mutations.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/data_directory.h"
#include "storage/log.h"

namespace holdfast {

// Batches of these indexes, both included.
struct DumpRange {
  Index from = 0;
  Index to = std::numeric_limits<Index>::max();
};

// Hands over line by line, each with its end. Reads past damage; kDamaged if there was any.
using LineFn = std::function<void(std::string_view line)>;
Status DumpLog(const DataDirectory& directory, const DumpRange& range, const LineFn& line);

// What `record` is, of the segment's row at `at`.
void DumpRecord(std::string_view segment, Index at, std::string_view record, const DumpRange& range,
                const LineFn& line);

}  // namespace holdfast
