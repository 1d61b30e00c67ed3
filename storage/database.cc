#include "storage/database.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include "storage/base/parse_int.h"
#include "storage/recovery.h"

namespace holdfast {
namespace {

constexpr std::string_view kLogPrefix = "log-";
constexpr std::string_view kSnapshotPrefix = "snap-";

std::string_view PrefixOf(FamilyKind kind) {
  return kind == FamilyKind::kLog ? kLogPrefix : kSnapshotPrefix;
}

// So many full memtables of the log may wait for the disk before RocksDB would slow writes: 128 MB
// behind by default, long after the queue's own bound has stopped the sockets.
constexpr int kMemtables = 8;

// Tables that RocksDB keeps open for later. Nobody reads while the server serves, and taking over a
// snapshot opens up to a quarter of these while every writer waits.
constexpr int kOpenTables = 256;

rocksdb::DBOptions DbOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  // The default drops acknowledged records that follow a flipped bit, without a word. This one
  // takes only an incomplete end for what a crash leaves.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // After a failed write nobody knows what the disk holds: RocksDB must not try to go on by itself.
  options.max_bgerror_resume_count = 0;
  // Nobody reads these files, but a disk that fails has failed.
  options.fail_if_options_file_error = true;
  options.max_background_jobs = 2;
  options.max_open_files = kOpenTables;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 4;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.fail_if_options_file_error = false;  // see NoOptionsFile
  return options;
}

rocksdb::ColumnFamilyOptions RowsOptions(uint64_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.disable_auto_compactions = true;
  options.level0_file_num_compaction_trigger = std::numeric_limits<int>::max();
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
  options.level0_stop_writes_trigger = std::numeric_limits<int>::max();
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
  options.write_buffer_size = memtable_bytes;
  options.max_write_buffer_number = kMemtables;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions MetaOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = size_t{1} << 20;
  return options;
}

// The kind and number in a family's name; nothing for a stranger's, or one that we would not write.
std::optional<std::pair<FamilyKind, uint64_t>> ParseName(std::string_view name) {
  for (const FamilyKind kind : {FamilyKind::kLog, FamilyKind::kSnapshot}) {
    if (!name.starts_with(PrefixOf(kind))) continue;
    const auto number = ParseUint64(name.substr(PrefixOf(kind).size()));
    if (number) return std::pair(kind, *number);
  }
  return std::nullopt;
}

}  // namespace

Status FromRocks(std::string_view what, const rocksdb::Status& status) {
  if (status.ok()) return Status::Ok();
  if (status.IsCorruption()) return RefuseAsDamaged(what, status.ToString());
  return Status::Io(std::string(what) + ": " + status.ToString());
}

std::string Family::NameOf(FamilyKind kind, uint64_t number) {
  return std::string(PrefixOf(kind)) + std::to_string(number);
}

// Hears on RocksDB's own threads what a background flush met.
class Database::Listener : public rocksdb::EventListener {
 public:
  explicit Listener(FatalHandler fatal) : fatal_(std::move(fatal)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    fatal_(Status::Io("the log's database failed: " + error->ToString()));
  }

  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    if (info.condition.cur != rocksdb::WriteStallCondition::kNormal) ++stalls_;
  }

  uint64_t stalls() const { return stalls_.load(std::memory_order_relaxed); }

 private:
  const FatalHandler fatal_;
  std::atomic<uint64_t> stalls_{0};
};

// RocksDB writes down its options anew whenever a family comes or goes, and every writer waits
// until that file, which nobody reads, is made, synced, read back and named: 5 to 20 ms. Refused,
// it goes on without.
class Database::NoOptionsFile : public rocksdb::FileSystemWrapper {
 public:
  explicit NoOptionsFile(const std::shared_ptr<rocksdb::FileSystem>& disk)
      : FileSystemWrapper(disk ? disk : rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "NoOptionsFile"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* out,
                                    rocksdb::IODebugContext* debug) override {
    if (std::filesystem::path(name).filename().string().starts_with("OPTIONS-")) {
      return rocksdb::IOStatus::NotSupported("no options file is kept");
    }
    return FileSystemWrapper::NewWritableFile(name, options, out, debug);
  }
};

Database::Database(DatabaseOptions options)
    : options_(std::move(options)),
      listener_(std::make_shared<Listener>(options_.fatal)),
      env_(rocksdb::NewCompositeEnv(std::make_shared<NoOptionsFile>(options_.file_system))) {}

Database::~Database() = default;

Status Database::Open(DatabaseOptions options, std::unique_ptr<Database>& out) {
  std::unique_ptr<Database> database(new Database(std::move(options)));
  if (Status status = database->OpenDb(); !status.ok()) return status;
  out = std::move(database);
  return Status::Ok();
}

Status Database::OpenDb() {
  rocksdb::DBOptions db_options = DbOptions();
  db_options.listeners.push_back(listener_);
  db_options.env = env_.get();
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  std::error_code error;
  if (std::filesystem::exists(options_.path + "/CURRENT", error)) {
    names.clear();
    const auto listed = rocksdb::DB::ListColumnFamilies(db_options, options_.path, &names);
    if (!listed.ok()) return FromRocks("reading the log " + options_.path, listed);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    if (name == rocksdb::kDefaultColumnFamilyName) {
      families.emplace_back(name, MetaOptions());
    } else if (ParseName(name)) {
      families.emplace_back(name, RowsOptions(options_.memtable_bytes));
    } else {
      return Status::Invalid("the log " + options_.path + " has a part '" + name +
                             "' that this version does not know; start the version that wrote it");
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto opened = rocksdb::DB::Open(db_options, options_.path, families, &handles, &db);
  if (!opened.ok()) return FromRocks("opening the log " + options_.path, opened);
  db_.reset(db);
  Adopt(handles);
  return Status::Ok();
}

void Database::Adopt(const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const auto parsed = ParseName(handle->GetName());
    if (!parsed) {
      meta_.reset(handle);
    } else {
      const auto [kind, number] = *parsed;
      FoundOf(kind).emplace_back(kind, number, handle);
    }
  }
  for (std::vector<Family>* found : {&logs_, &snapshots_}) {
    std::sort(found->begin(), found->end(),
              [](const Family& a, const Family& b) { return a.number() < b.number(); });
  }
}

std::vector<Family>& Database::FoundOf(FamilyKind kind) {
  return kind == FamilyKind::kLog ? logs_ : snapshots_;
}

std::vector<Family> Database::TakeFound(FamilyKind kind) {
  return std::exchange(FoundOf(kind), {});
}

Status Database::Create(FamilyKind kind, uint64_t number, Family& out) {
  const std::string name = Family::NameOf(kind, number);
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const auto made = db_->CreateColumnFamily(RowsOptions(options_.memtable_bytes), name, &handle);
  if (made.ok()) out = Family(kind, number, handle);
  return FromRocks("making " + name, made);
}

Status Database::Drop(Family family) {
  const auto dropped = db_->DropColumnFamily(family.handle());
  return FromRocks("dropping " + family.name(), dropped);
}

Status Database::ReadMeta(std::string_view key, std::string& row) const {
  const auto read = db_->Get(rocksdb::ReadOptions(), meta_.get(), SliceOf(key), &row);
  if (read.IsNotFound()) return Status::NotFound("no " + std::string(key));
  return FromRocks("reading the row of the " + std::string(key), read);
}

Status Database::WriteMeta(std::string_view key, std::string_view row) {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  auto written = db_->Put(synced, meta_.get(), SliceOf(key), SliceOf(row));
  if (written.ok()) written = db_->Flush(rocksdb::FlushOptions(), meta_.get());
  return FromRocks("writing the row of the " + std::string(key), written);
}

rocksdb::Options Database::TableOptions() const {
  return {db_->GetDBOptions(), RowsOptions(options_.memtable_bytes)};
}

uint64_t Database::WriteStalls() const { return listener_->stalls(); }

}  // namespace holdfast
