// DatabaseDisk: stands between RocksDB and the disk.
//
// RocksDB writes its options down anew whenever a family comes or goes, and every writer waits
// until that file, which nobody reads, is made, synced, read back and named: 5 to 20 ms. It is
// refused, and RocksDB goes on without.
//
// A power loss in the middle of a sync can leave a write-ahead file that has its new length and
// zeros where the bytes should be, for the length may reach the disk first. RocksDB calls such an
// end damage and does not open. It is shown the file up to the record that the zeros spoil: what
// was never synced was never answered, and if it was, the witness knows.
//
// A table whose end is damaged can make RocksDB trip over its own assertions. It is refused, by its
// name (storage/table_tail.h).
//
// The manifest says which families and tables there are. Where a damaged length hides the end of
// it, RocksDB opens the past that its beginning tells of: it is refused (storage/wal_file.h).
//
// When RocksDB opens, it deletes every file that it does not know of or no longer needs. Whoever
// serves keeps them until what was opened has proven to be all that there was: a start that is
// refused takes nothing away. What was not deleted then, the next open finds. (CURRENT does go on
// to the manifest that such a start wrote. Held back, too, it would make every one of them turn the
// same write-ahead files into tables anew, and a loop of restarts would fill the disk.)
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <rocksdb/file_system.h>

namespace holdfast {

class DatabaseDisk : public rocksdb::FileSystemWrapper {
 public:
  // `disk` null: the disk itself.
  DatabaseDisk(const std::shared_ptr<rocksdb::FileSystem>& disk, bool keeps_data_files)
      : FileSystemWrapper(disk ? disk : rocksdb::FileSystem::Default()), keeps_(keeps_data_files) {}
  const char* Name() const override { return "DatabaseDisk"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* out,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* out,
                                        rocksdb::IODebugContext* debug) override;
  // RocksDB deletes on its own threads, too.
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  // Any thread. What was to be deleted goes, and from now on at once.
  void LetGo();

 private:
  bool Keep(const std::string& name);

  std::mutex mutex_;
  bool keeps_;                  // under mutex_
  std::set<std::string> kept_;  // under mutex_; that were to be deleted
};

}  // namespace holdfast
