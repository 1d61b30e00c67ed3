#include "storage/database_disk.h"

#include <array>
#include <filesystem>
#include <utility>

#include "storage/table_tail.h"
#include "storage/wal_file.h"
#include "storage/wal_view.h"

namespace holdfast {
namespace {

// A file that cannot be looked at is for RocksDB to complain of.
bool HasZeroEnd(rocksdb::FileSystem& disk, const std::string& name) {
  uint64_t size = 0;
  const rocksdb::IOOptions options;
  if (!disk.GetFileSize(name, options, &size, nullptr).ok() || size < kZeroEndBytes) return false;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  if (!disk.NewRandomAccessFile(name, rocksdb::FileOptions(), &file, nullptr).ok()) return false;
  std::array<char, kZeroEndBytes> scratch{};
  rocksdb::Slice end;
  const auto read =
      file->Read(size - scratch.size(), scratch.size(), options, &end, scratch.data(), nullptr);
  return read.ok() && EndsInZeros({end.data(), end.size()});
}

// As HasZeroEnd: what cannot be looked at is for RocksDB to complain of.
std::string TableDamage(rocksdb::FileSystem& disk, const std::string& name,
                        const rocksdb::FSRandomAccessFile& table) {
  uint64_t size = 0;
  const rocksdb::IOOptions options;
  if (!disk.GetFileSize(name, options, &size, nullptr).ok()) return {};
  return FindTableTailDamage(size, [&](uint64_t at, size_t bytes, std::string& out) {
    out.resize(bytes);
    rocksdb::Slice got;
    if (!table.Read(at, bytes, options, &got, out.data(), nullptr).ok()) return false;
    if (got.data() != out.data()) out.assign(got.data(), got.size());
    return got.size() == bytes;
  });
}

}  // namespace

rocksdb::IOStatus DatabaseDisk::NewWritableFile(const std::string& name,
                                                const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* out,
                                                rocksdb::IODebugContext* debug) {
  if (std::filesystem::path(name).filename().string().starts_with("OPTIONS-")) {
    return rocksdb::IOStatus::NotSupported("no options file is kept");
  }
  return FileSystemWrapper::NewWritableFile(name, options, out, debug);
}

rocksdb::IOStatus DatabaseDisk::NewSequentialFile(const std::string& name,
                                                  const rocksdb::FileOptions& options,
                                                  std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                                  rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus opened = FileSystemWrapper::NewSequentialFile(name, options, out, debug);
  if (!opened.ok() || !name.ends_with(".log") || !HasZeroEnd(*target(), name)) return opened;
  std::string bytes;
  if (rocksdb::IOStatus read = ReadAll(**out, bytes); !read.ok()) return read;
  const WalContents contents = ReadWal(bytes);
  // Damage before that end is for RocksDB to refuse.
  if (contents.damages.empty()) bytes.resize(contents.torn_at.value_or(bytes.size()));
  *out = FileOfBytes(std::move(bytes));
  return opened;
}

rocksdb::IOStatus DatabaseDisk::NewRandomAccessFile(
    const std::string& name, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSRandomAccessFile>* out, rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus opened = FileSystemWrapper::NewRandomAccessFile(name, options, out, debug);
  if (!opened.ok() || !name.ends_with(".sst")) return opened;
  const std::string damage = TableDamage(*target(), name, **out);
  if (damage.empty()) return opened;
  out->reset();
  return rocksdb::IOStatus::Corruption(name + ": " + damage);
}

}  // namespace holdfast
