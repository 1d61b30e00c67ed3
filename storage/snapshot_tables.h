// SnapshotTables: a snapshot's rows on their way into the database. They come in any order, gather
// in memory, and each full run of them is sorted and written as a table in a file of its own,
// beside the database's:
//
//   <database>/snap-<n>-<k>.sst
//
// At the end the database takes all of them over in one step. So no row passes through its one
// queue of writers, where the log's thread would wait behind a snapshot's rows, and they behind its
// syncs. A crash leaves such files behind; the next start removes them.
//
// A row's value ends with an XXH3-64 of key and value, so that a row under another's key shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/status.h"
#include "storage/database.h"

namespace holdfast {

// Owner: one thread.
class SnapshotTables {
 public:
  // For `family`, which must outlive it. `run_bytes` is all that it holds in memory, and the size
  // of its tables.
  SnapshotTables(Database& database, const Family& family, size_t run_bytes);

  // No key twice.
  Status Add(std::string_view key, std::string_view value);
  // Writes what is left in memory and moves every table into the family. All or nothing, and
  // durable when it returns Ok.
  Status MoveIntoFamily();
  // Forgets every row, on disk as well. Not after MoveIntoFamily.
  Status Remove();

  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Place {
    size_t at;
    size_t key_bytes;
    size_t value_bytes;  // the hash included
  };
  std::string_view KeyAt(const Place& place) const;
  std::string_view ValueAt(const Place& place) const;
  Status WriteRun();
  Status WriteTable(const std::string& path);
  void BeginRun();

  Database& database_;
  const Family& family_;
  const size_t run_bytes_;
  std::string run_;  // keys and values, one behind the other
  std::vector<Place> places_;
  std::vector<std::string> paths_;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

// Gives what Add was given. kDamaged if the hash does not fit.
Status OpenSnapshotRow(std::string_view key, std::string_view row, std::string_view& value);

// At a start: removes the tables of snapshots that were never finished.
Status RemoveStraySnapshotTables(Database& database);

}  // namespace holdfast
