// WalMender: stands between RocksDB and the disk, and shows it of damaged write-ahead files only
// the records that are whole. The files themselves stay as they are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rocksdb/file_system.h>

namespace holdfast {

class WalMender : public rocksdb::FileSystemWrapper {
 public:
  // `disk` null: the disk itself.
  explicit WalMender(const std::shared_ptr<rocksdb::FileSystem>& disk)
      : FileSystemWrapper(disk ? disk : rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "WalMender"; }

  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                      rocksdb::IODebugContext* debug) override;

  // Of the files that were read so far: "<path> at byte 4711: <what>".
  const std::vector<std::string>& damages() const { return damages_; }

 private:
  std::vector<std::string> damages_;
};

}  // namespace holdfast
