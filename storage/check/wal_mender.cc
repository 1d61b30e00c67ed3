#include "storage/check/wal_mender.h"

#include <utility>

#include "storage/wal_file.h"
#include "storage/wal_view.h"

namespace holdfast {

rocksdb::IOStatus WalMender::NewSequentialFile(const std::string& name,
                                               const rocksdb::FileOptions& options,
                                               std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                               rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus opened = FileSystemWrapper::NewSequentialFile(name, options, out, debug);
  if (!opened.ok() || !name.ends_with(".log")) return opened;
  std::string bytes;
  if (rocksdb::IOStatus read = ReadAll(**out, bytes); !read.ok()) return read;
  const WalContents contents = ReadWal(bytes);
  for (const WalDamage& damage : contents.damages) {
    damages_.push_back(name + " at byte " + std::to_string(damage.at) + ": " + damage.what);
  }
  // Without damage the bytes themselves, with a torn end: RocksDB knows how to read that.
  *out = FileOfBytes(contents.damages.empty() ? std::move(bytes) : WriteWal(contents));
  return opened;
}

}  // namespace holdfast
