// Database: the one RocksDB under the data directory, and its column families:
//
//   "default"    meta: a few single rows, each with a format of its own
//                  "history"    storage/history.h
//                  "epochs"     storage/trimmed_epochs.h
//                  "snapshot"   storage/snapshot_mark.h
//                  "arriving"   storage/arriving_mark.h, only while a full sync comes in
//   "log-<n>"    a segment of the log       storage/log_segments.h
//   "snap-<n>"   the rows of a snapshot     storage/snapshot_store.h
//   "cut-<n>"    only while the log's tail is being cut off    storage/check/cut_tail.h
//
// A family of any other name was written by a version that knows more than this one: it is not
// opened.
//
// Rows are never rewritten: no compression, no compaction, and no limit on level-0 files that would
// slow writes. Nothing is cached: rows are read once, in order, at a start.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <rocksdb/db.h>

#include "storage/base/status.h"
#include "storage/log.h"

namespace holdfast {

class DatabaseDisk;

enum class DatabaseUse : uint8_t {
  kServe,   // made if there is none
  kRead,    // no byte on disk changes: write-ahead files are read into memory
  kRepair,  // changed by whoever knows what is damaged
};

struct DatabaseOptions {
  std::string path;
  uint64_t memtable_bytes = 0;  // what a family holds in memory before it becomes a table
  std::shared_ptr<rocksdb::FileSystem> file_system = nullptr;  // null: the disk itself
  FatalHandler fatal = {};  // for what fails on RocksDB's own threads
  DatabaseUse use = DatabaseUse::kServe;
};

enum class FamilyKind : uint8_t { kLog, kSnapshot, kCut };

// One column family. Must go before its Database does.
class Family {
 public:
  Family() = default;
  Family(FamilyKind kind, uint64_t number, rocksdb::ColumnFamilyHandle* handle)
      : kind_(kind), number_(number), handle_(handle) {}

  static std::string NameOf(FamilyKind kind, uint64_t number);

  uint64_t number() const { return number_; }
  std::string name() const { return NameOf(kind_, number_); }
  rocksdb::ColumnFamilyHandle* handle() const { return handle_.get(); }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  FamilyKind kind_{};
  uint64_t number_ = 0;
  std::unique_ptr<rocksdb::ColumnFamilyHandle> handle_;
};

class Database {
 public:
  // kDamaged: RocksDB finds it so. kInvalid: it has a family of another name.
  static Status Open(DatabaseOptions options, std::unique_ptr<Database>& out);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Any thread. Opened to serve, no table, write-ahead file or manifest is deleted before this is
  // called: before all that was there has proven whole.
  void LetObsoleteFilesGo();

  // Once for each kind: the families that Open found, by rising number.
  std::vector<Family> TakeFound(FamilyKind kind);

  // Any thread. Both write RocksDB's manifest, durably, and hold up every writer meanwhile: some
  // milliseconds.
  Status Create(FamilyKind kind, uint64_t number, Family& out);
  // The name is gone when it returns Ok; the bytes soon after `family`, and whoever still reads it,
  // are.
  Status Drop(const Family& family);

  // Any thread. kNotFound: it was never written.
  Status ReadMeta(std::string_view key, std::string& row) const;
  // Any thread. Durable, and in a table rather than in a write-ahead file, when it returns Ok.
  Status WriteMeta(std::string_view key, std::string_view row);
  Status DeleteMeta(std::string_view key);

  // Every row of a family in the order of keys, until `fn` returns false. kDamaged if one cannot be
  // read; those before it were handed over. The bytes are only lent.
  using RowFn = std::function<bool(std::string_view key, std::string_view value)>;
  Status ForEachRow(const Family& family, const RowFn& fn) const;

  // Not through the write-ahead files, so durable only after Flush: for a family that nobody else
  // writes.
  Status PutUnlogged(const Family& family, std::string_view key, std::string_view value);
  Status Flush(const Family& family);

  struct Table {
    std::string family;
    std::string path;
    uint64_t bytes;
  };
  std::vector<Table> Tables() const;
  // Reads all of it and compares every checksum in it.
  Status VerifyTable(const Table& table) const;

  rocksdb::DB& rocks() { return *db_; }
  const std::string& path() const { return options_.path; }
  // For tables written beside the database that it is to take over.
  rocksdb::Options TableOptions() const;

  // Any thread. How often RocksDB slowed or stopped writes: never, if its options are right.
  uint64_t WriteStalls() const;

 private:
  class Listener;
  class NoLogFile;

  explicit Database(DatabaseOptions options);
  Status OpenDb();
  rocksdb::DBOptions DbOptions() const;
  Status ListFamilies(const rocksdb::DBOptions& options,
                      std::vector<rocksdb::ColumnFamilyDescriptor>& out) const;
  void Adopt(const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  std::vector<Family>& FoundOf(FamilyKind kind) { return found_[static_cast<size_t>(kind)]; }

  const DatabaseOptions options_;
  std::shared_ptr<Listener> listener_;        // RocksDB's too
  const std::shared_ptr<DatabaseDisk> disk_;  // the environment's
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<rocksdb::ColumnFamilyHandle> meta_;
  std::array<std::vector<Family>, 3> found_;  // by kind
};

// RocksDB's answers and bytes as ours. `what` was being done: "reading the history".
Status FromRocks(std::string_view what, const rocksdb::Status& status);
inline rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace holdfast
