#include "storage/wal_view.h"

#include <algorithm>
#include <cstring>
#include <utility>

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

}  // namespace

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

std::unique_ptr<rocksdb::FSSequentialFile> FileOfBytes(std::string bytes) {
  return std::make_unique<MemoryFile>(std::move(bytes));
}

}  // namespace holdfast
