#include "storage/database_disk.h"

#include <array>
#include <filesystem>
#include <string_view>
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

bool IsOfKind(const std::string& name, std::string_view kind) {
  return std::filesystem::path(name).filename().string().starts_with(kind);
}
bool IsManifest(const std::string& name) { return IsOfKind(name, "MANIFEST-"); }

// `file` is from then on what ReadManifest makes of it: RocksDB reads what was verified.
rocksdb::IOStatus VerifyManifest(const std::string& name,
                                 std::unique_ptr<rocksdb::FSSequentialFile>& file) {
  std::string bytes;
  if (rocksdb::IOStatus read = ReadAll(*file, bytes); !read.ok()) return read;
  const WalContents contents = ReadManifest(bytes);
  if (!contents.damages.empty()) {
    const WalDamage& first = contents.damages.front();
    file.reset();
    return rocksdb::IOStatus::Corruption(name + " at byte " + std::to_string(first.at) + ": " +
                                         first.what);
  }
  bytes.resize(contents.torn_at.value_or(bytes.size()));
  file = FileOfBytes(std::move(bytes));
  return rocksdb::IOStatus::OK();
}

}  // namespace

rocksdb::IOStatus DatabaseDisk::NewWritableFile(const std::string& name,
                                                const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* out,
                                                rocksdb::IODebugContext* debug) {
  if (IsOfKind(name, "OPTIONS-")) {
    return rocksdb::IOStatus::NotSupported("no options file is kept");
  }
  {
    // RocksDB gives no name twice; if it did, the new file would not be the one to delete.
    const std::lock_guard lock(mutex_);
    kept_.erase(name);
  }
  return FileSystemWrapper::NewWritableFile(name, options, out, debug);
}

rocksdb::IOStatus DatabaseDisk::NewSequentialFile(const std::string& name,
                                                  const rocksdb::FileOptions& options,
                                                  std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                                  rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus opened = FileSystemWrapper::NewSequentialFile(name, options, out, debug);
  if (opened.ok() && IsManifest(name)) return VerifyManifest(name, *out);
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

rocksdb::IOStatus DatabaseDisk::DeleteFile(const std::string& name,
                                           const rocksdb::IOOptions& options,
                                           rocksdb::IODebugContext* debug) {
  if (Keep(name)) return rocksdb::IOStatus::OK();
  return FileSystemWrapper::DeleteFile(name, options, debug);
}

bool DatabaseDisk::Keep(const std::string& name) {
  if (!name.ends_with(".sst") && !name.ends_with(".log") && !IsManifest(name)) return false;
  const std::lock_guard lock(mutex_);
  if (keeps_) kept_.insert(name);
  return keeps_;
}

void DatabaseDisk::LetGo() {
  std::set<std::string> going;
  {
    const std::lock_guard lock(mutex_);
    keeps_ = false;
    going.swap(kept_);
  }
  for (const std::string& name : going) {
    // As RocksDB does with what cannot be deleted: the next open tries again.
    FileSystemWrapper::DeleteFile(name, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  }
}

}  // namespace holdfast
