// Opens a directory's database for reading, past damage in its write-ahead files if need be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/base/status.h"
#include "storage/data_directory.h"
#include "storage/database.h"

namespace holdfast {

struct OpenedDatabase {
  std::unique_ptr<Database> database;
  // What is wrong with the write-ahead files, a line for each place: a start stops there. Empty:
  // nothing, except perhaps an end that was never written.
  std::vector<std::string> wal_damage;
};

// kDamaged: not even so.
Status OpenForReading(const DataDirectory& directory, OpenedDatabase& out);

}  // namespace holdfast
