// Inspection: reads a data directory from end to end and changes no byte of it. What it calls sound
// a server starts from; what a server would refuse it finds, and more: also what no start reads.
//
//   witness ─► history ─► mark ─► tables: every checksum ─► snapshot ─► log ─► ends ─► state
#pragma once

#include "storage/base/status.h"
#include "storage/check/progress.h"
#include "storage/check/report.h"
#include "storage/data_directory.h"

namespace holdfast {

struct CheckOptions {
  bool state = true;  // load all of it into memory and audit it
};

// `directory` is open, and so nobody else's. Not ok: it could not be read, or only a later version
// knows what it holds; damage is no error but in the report.
Status Check(const DataDirectory& directory, const CheckOptions& options, Progress& progress,
             CheckReport& out);

}  // namespace holdfast
