#include "storage/check/wal_mender.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/check/wal_file.h"

namespace holdfast {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

// Bytes in memory as a file.
class MemoryFile final : public rocksdb::FSSequentialFile {
 public:
  explicit MemoryFile(std::string bytes) : bytes_(std::move(bytes)) {}

  rocksdb::IOStatus Read(size_t size, const rocksdb::IOOptions& /*options*/, rocksdb::Slice* result,
                         char* scratch, rocksdb::IODebugContext* /*debug*/) override {
    const size_t got = std::min(size, bytes_.size() - at_);
    std::memcpy(scratch, bytes_.data() + at_, got);
    at_ += got;
    *result = rocksdb::Slice(scratch, got);
    return rocksdb::IOStatus::OK();
  }

  rocksdb::IOStatus Skip(uint64_t size) override {
    at_ += std::min<uint64_t>(size, bytes_.size() - at_);
    return rocksdb::IOStatus::OK();
  }

 private:
  const std::string bytes_;
  size_t at_ = 0;
};

rocksdb::IOStatus ReadAll(rocksdb::FSSequentialFile& file, std::string& out) {
  std::string scratch(kReadBytes, '\0');
  for (;;) {
    rocksdb::Slice got;
    rocksdb::IOStatus read =
        file.Read(scratch.size(), rocksdb::IOOptions(), &got, scratch.data(), nullptr);
    if (!read.ok() || got.empty()) return read;
    out.append(got.data(), got.size());
  }
}

}  // namespace

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
  *out = std::make_unique<MemoryFile>(contents.damages.empty() ? std::move(bytes)
                                                               : WriteWal(contents));
  return opened;
}

}  // namespace holdfast
