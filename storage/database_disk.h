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
#pragma once

#include <memory>
#include <string>

#include <rocksdb/file_system.h>

namespace holdfast {

class DatabaseDisk : public rocksdb::FileSystemWrapper {
 public:
  // `disk` null: the disk itself.
  explicit DatabaseDisk(const std::shared_ptr<rocksdb::FileSystem>& disk)
      : FileSystemWrapper(disk ? disk : rocksdb::FileSystem::Default()) {}
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
};

}  // namespace holdfast
