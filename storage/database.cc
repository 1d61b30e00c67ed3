#include "storage/database.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include "storage/base/parse_int.h"
#include "storage/database_disk.h"
#include "storage/recovery.h"
#include "storage/table_tail.h"

namespace holdfast {
namespace {

constexpr auto kFamilyKinds = {FamilyKind::kLog, FamilyKind::kSnapshot, FamilyKind::kCut};

std::string_view PrefixOf(FamilyKind kind) {
  switch (kind) {
    case FamilyKind::kLog:
      return "log-";
    case FamilyKind::kSnapshot:
      return "snap-";
    case FamilyKind::kCut:
      return "cut-";
  }
  return {};
}

// So many full memtables of the log may wait for the disk before RocksDB would slow writes: 128 MB
// behind by default, long after the queue's own bound has stopped the sockets.
constexpr int kMemtables = 8;

// Tables that RocksDB keeps open for later. Nobody reads while the server serves, and taking over a
// snapshot opens up to a quarter of these while every writer waits.
constexpr int kOpenTables = 256;

// A table goes to the disk while it is written, in parts of so many bytes: as one piece at its end
// it would keep the log's syncs waiting.
constexpr uint64_t kBytesPerSync = uint64_t{256} << 10;

// As table_tail.h reads them, whatever a later RocksDB would rather write.
rocksdb::BlockBasedTableOptions TableFormat() {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = kTableFormatVersion;
  table.checksum = rocksdb::kXXH3;
  static_assert(rocksdb::kXXH3 == kTableChecksumXxh3);
  return table;
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
  rocksdb::BlockBasedTableOptions table = TableFormat();
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions MetaOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = size_t{1} << 20;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableFormat()));
  return options;
}

// The kind and number in a family's name; nothing for a stranger's, or one that we would not write.
std::optional<std::pair<FamilyKind, uint64_t>> ParseName(std::string_view name) {
  for (const FamilyKind kind : kFamilyKinds) {
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

// RocksDB tells a file beside its data what it does. Who only looks leaves none; and where one
// write of it fails, the next one trips an assertion of RocksDB's, as Debian builds it: the server
// would end without a word of why. What matters comes as a status, too.
class Database::NoLogFile : public rocksdb::Logger {
 public:
  NoLogFile() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*args*/) override {}
};

Database::Database(DatabaseOptions options)
    : options_(std::move(options)),
      listener_(std::make_shared<Listener>(options_.fatal)),
      disk_(std::make_shared<DatabaseDisk>(options_.file_system,
                                           options_.use == DatabaseUse::kServe)),
      env_(rocksdb::NewCompositeEnv(disk_)) {}

Database::~Database() = default;

Status Database::Open(DatabaseOptions options, std::unique_ptr<Database>& out) {
  std::unique_ptr<Database> database(new Database(std::move(options)));
  if (Status status = database->OpenDb(); !status.ok()) return status;
  out = std::move(database);
  return Status::Ok();
}

rocksdb::DBOptions Database::DbOptions() const {
  rocksdb::DBOptions options;
  options.create_if_missing = options_.use == DatabaseUse::kServe;
  // The default drops acknowledged records that follow a flipped bit, without a word. This one
  // takes only an incomplete end for what a crash leaves.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // After a failed write nobody knows what the disk holds: RocksDB must not try to go on by itself.
  options.max_bgerror_resume_count = 0;
  options.max_background_jobs = 2;
  options.bytes_per_sync = kBytesPerSync;
  options.max_open_files = kOpenTables;
  options.max_file_opening_threads = 1;  // a few tables a family: no need for 16 threads for each
  options.info_log = std::make_shared<NoLogFile>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.fail_if_options_file_error = false;  // see DatabaseDisk
  if (options_.use == DatabaseUse::kServe) options.listeners.push_back(listener_);
  options.env = env_.get();
  return options;
}

Status Database::ListFamilies(const rocksdb::DBOptions& options,
                              std::vector<rocksdb::ColumnFamilyDescriptor>& out) const {
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  std::error_code error;
  if (std::filesystem::exists(options_.path + "/CURRENT", error)) {
    names.clear();
    const auto listed = rocksdb::DB::ListColumnFamilies(options, options_.path, &names);
    if (!listed.ok()) return FromRocks("reading the log " + options_.path, listed);
  }
  for (const std::string& name : names) {
    const auto parsed = ParseName(name);
    if (name == rocksdb::kDefaultColumnFamilyName) {
      out.emplace_back(name, MetaOptions());
    } else if (!parsed) {
      return Status::Invalid("the log " + options_.path + " has a part '" + name +
                             "' that this version does not know; start the version that wrote it");
    } else if (parsed->first == FamilyKind::kCut && options_.use == DatabaseUse::kServe) {
      return RefuseAsDamaged("the log " + options_.path,
                             "cutting off its tail was interrupted; 'holdfast-check DIR "
                             "--cut-tail' goes on with it");
    } else {
      out.emplace_back(name, RowsOptions(options_.memtable_bytes));
    }
  }
  return Status::Ok();
}

Status Database::OpenDb() {
  const rocksdb::DBOptions options = DbOptions();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  if (Status status = ListFamilies(options, families); !status.ok()) return status;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto opened =
      options_.use == DatabaseUse::kRead
          ? rocksdb::DB::OpenForReadOnly(options, options_.path, families, &handles, &db)
          : rocksdb::DB::Open(options, options_.path, families, &handles, &db);
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
  for (std::vector<Family>& found : found_) {
    std::sort(found.begin(), found.end(),
              [](const Family& a, const Family& b) { return a.number() < b.number(); });
  }
}

void Database::LetObsoleteFilesGo() { disk_->LetGo(); }

std::vector<Family> Database::TakeFound(FamilyKind kind) {
  return std::exchange(FoundOf(kind), {});
}

Status Database::Create(FamilyKind kind, uint64_t number, Family& out) {
  const std::string name = Family::NameOf(kind, number);
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const auto made = db_->CreateColumnFamily(RowsOptions(options_.memtable_bytes), name, &handle);
  // It may have come to be, and something behind it failed.
  Family family(kind, number, handle);
  if (made.ok()) out = std::move(family);
  return FromRocks("making " + name, made);
}

Status Database::Drop(const Family& family) {
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

Status Database::DeleteMeta(std::string_view key) {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  auto written = db_->Delete(synced, meta_.get(), SliceOf(key));
  if (written.ok()) written = db_->Flush(rocksdb::FlushOptions(), meta_.get());
  return FromRocks("removing the row of the " + std::string(key), written);
}

Status Database::ForEachRow(const Family& family, const RowFn& fn) const {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, family.handle()));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    if (!fn(ViewOf(row->key()), ViewOf(row->value()))) return Status::Ok();
  }
  return FromRocks("reading " + family.name(), row->status());
}

Status Database::PutUnlogged(const Family& family, std::string_view key, std::string_view value) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  const auto written = db_->Put(options, family.handle(), SliceOf(key), SliceOf(value));
  return FromRocks("writing " + family.name(), written);
}

Status Database::Flush(const Family& family) {
  return FromRocks("flushing " + family.name(),
                   db_->Flush(rocksdb::FlushOptions(), family.handle()));
}

std::vector<Database::Table> Database::Tables() const {
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  std::vector<Table> tables;
  tables.reserve(files.size());
  for (const auto& file : files) {
    tables.push_back(
        {.family = file.column_family_name, .path = file.db_path + file.name, .bytes = file.size});
  }
  return tables;
}

Status Database::VerifyTable(const Table& table) const {
  rocksdb::SstFileReader reader(TableOptions());
  auto verified = reader.Open(table.path);
  if (verified.ok()) verified = reader.VerifyChecksum();
  return FromRocks("the table " + table.path + " of " + table.family, verified);
}

rocksdb::Options Database::TableOptions() const {
  return {db_->GetDBOptions(), RowsOptions(options_.memtable_bytes)};
}

uint64_t Database::WriteStalls() const { return listener_->stalls(); }

}  // namespace holdfast
