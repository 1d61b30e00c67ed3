// CutTail: takes off a log what its damaged tail holds, so that a server starts with what lies
// before it. Only when told: what goes was acknowledged, most of it.
//
//   1. the witness claims no more than what stays, in both slots
//   2. "cut-<n>" gets the records that stay of segment n, the first that has others
//   3. the meta row "cut" says so                          \  from here on an interrupted
//   4. log-<n> and those above it go                        | cut goes on with the copy;
//   5. log-<n> is made again, with what the copy has       /  before it, it begins again
//   6. the meta row goes, then the copy
//   7. the witness claims all that stays
//
// Each step is durable before the next. While "cut-<n>" is there no server starts.
#pragma once

#include <memory>
#include <string>

#include "storage/base/status.h"
#include "storage/check/report.h"
#include "storage/data_directory.h"

namespace rocksdb {
class FileSystem;
}

namespace holdfast {

struct CutOptions {
  // Tests: stands between RocksDB and the disk. Null: the disk itself.
  std::shared_ptr<rocksdb::FileSystem> file_system = nullptr;
};

// Requires: `report` is what Check says of the directory now, which is open for writing; it is
// damaged, and WhyNotCut is empty. Not ok: something failed in the middle; called again, with a new
// report, it finishes.
Status CutTail(const DataDirectory& directory, const CheckReport& report,
               const CutOptions& options = {});

// What was cut off, in a few lines.
std::string CutText(const CheckReport& report);

}  // namespace holdfast
