#include "tests/unit/storage/check_support.h"

#include <algorithm>
#include <utility>

#include "storage/core/partition_snapshot.h"

namespace holdfast {
namespace {

constexpr UnixMs kNow = FromUnixMs(1'795'288'000'000);
constexpr UnixMs kLater = kNow + DurationMs{600'000};
constexpr size_t kStepBytes = size_t{1} << 20;

// The rows of a snapshot, under keys that keep their order.
class RowsSink final : public PieceSink {
 public:
  void Put(Partition partition, std::string row) override {
    std::string key(1, static_cast<char>(partition));
    const uint32_t big_endian = __builtin_bswap32(static_cast<uint32_t>(rows.size()));
    key.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
    rows.emplace(std::move(key), std::move(row));
  }
  Rows rows;
};

}  // namespace

Index CheckTest::CommitBatch(const std::string& batch) {
  if (!mirror_) {
    mirror_ = std::make_unique<Keyspace>(log_->history().hash_seed, 0, kSlots - 1);
  }
  ByteReader reader(batch);
  MutationView view{};
  while (NextMutation(reader, view)) EXPECT_TRUE(mirror_->ApplyView(view));
  last_ = log_->Push({.mutations = batch, .gated = true, .server_time = kNow});
  AwaitDurable(last_);
  return last_;
}

void CheckTest::Sell() {
  Commit("mask", ItemCreated{.at = kNow, .units = 10, .options = {.limit = 5}});
  Commit(
      "mask",
      HoldTaken{
          .at = kNow, .hold_id = "h1", .buyer = "ann", .asked = 2, .units = 2, .deadline = kLater});
  Commit(
      "mask",
      HoldTaken{
          .at = kNow, .hold_id = "h2", .buyer = "bob", .asked = 1, .units = 1, .deadline = kLater});
  Commit("mask", HoldConfirmed{.at = kNow, .hold_id = "h1", .sold = 2, .forget_at = kLater});
  Commit("mask", HoldReleased{.at = kNow, .hold_id = "h2", .forget_at = kLater});
  Commit(
      "mask",
      HoldTaken{
          .at = kNow, .hold_id = "h3", .buyer = "eve", .asked = 3, .units = 3, .deadline = kLater});
  Commit("session", StringSet{.value = "value", .deadline = kLater});
  Commit("basket", HashFieldsSet{.pairs = {{"f", "v"}, {"g", "w"}}});
  Commit("counter", StringSet{.value = "42"});
}

void CheckTest::FillSegments(uint64_t segments) {
  for (int i = 0; log_->Stats().segments < segments; ++i) {
    Commit("large-" + std::to_string(i), StringSet{.value = std::string(4 << 10, 'x')});
  }
}

void CheckTest::TakeSnapshot() {
  RowsSink sink;
  for (int partition = 0; partition < kPartitions; ++partition) {
    PartitionSnapshot taking(*mirror_, static_cast<Partition>(partition), 1, sink);
    while (taking.Step(kStepBytes)) {
    }
  }
  ASSERT_FALSE(sink.rows.empty());
  Take(sink.rows, last_);
}

void CheckTest::Kill() {
  ASSERT_TRUE(log_->Flush().ok());
  // Without another word to the disk; and its housekeeper no longer removes what is being copied.
  log_.reset();
  const std::string live = dir_;
  dir_ = temp_ / "killed";
  std::filesystem::copy(live, dir_, std::filesystem::copy_options::recursive);
}

void CheckTest::FillAndKill() {
  RocksLogOptions options = SnapshotOptions();
  options.segment_bytes = 4 << 10;
  ASSERT_TRUE(TryLoad(options).ok());
  Sell();
  FillSegments(3);
  TakeSnapshot();
  Commit("behind", StringSet{.value = "1"});
  Commit("mask", StockAdjusted{.at = kNow + DurationMs{1}, .ref = "r", .asked = 7, .applied = 7});
  Kill();
}

void CheckTest::UseCopyOf(const std::string& image) {
  const std::string copy = temp_ / "copy";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(image, copy, std::filesystem::copy_options::recursive);
  dir_ = copy;  // `image` may be dir_ itself
}

std::string CheckTest::WalPath() const {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
    if (entry.path().extension() != ".log" || entry.file_size() == 0) continue;
    newest = std::max(newest, entry.path().string());
  }
  return newest;
}

WitnessMark CheckTest::ReadWitnessMark() const {
  WitnessSlots slots;
  EXPECT_TRUE(ReadWitness(dir_ + "/witness", slots).ok());
  const WitnessSlot* const newest = NewestOf(slots);
  return newest == nullptr ? WitnessMark{} : newest->mark;
}

void CheckTest::SetWitness(Index index) {
  WitnessMark mark = ReadWitnessMark();
  mark.index = index;
  ASSERT_TRUE(Witness::Create(dir_ + "/witness", mark).ok());
}

Status CheckTest::Serve(Contents& out) {
  log_.reset();
  out = {};
  std::unique_ptr<RocksLog> log;
  if (Status status = RocksLog::Open(SnapshotOptions(), log); !status.ok()) return status;
  const SnapshotStore& store = log->snapshots();
  for (int partition = 0; partition < kPartitions; ++partition) {
    const auto take = [&](std::string_view key, std::string_view value) {
      out.rows.emplace(key, value);
      return Status::Ok();
    };
    Status status = store.ForEachRow(static_cast<Partition>(partition), take);
    if (!status.ok()) return status;
  }
  if (Status status = store.CheckCount(out.rows.size()); !status.ok()) return status;
  const auto hear = [&](Index index, std::string_view mutations) {
    out.batches.emplace(index, mutations);
    return Status::Ok();
  };
  replayed_ = {};
  if (Status status = log->Replay(store.current().cuts, hear, replayed_); !status.ok()) {
    return status;
  }
  return log->Start(kNever);
}

Contents CheckTest::Served() {
  Contents contents;
  const Status status = Serve(contents);
  EXPECT_TRUE(status.ok()) << status.text();
  return contents;
}

std::map<std::string, std::string> CheckTest::Files() const {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
    if (entry.is_regular_file()) files[entry.path().string()] = ReadFile(entry.path().string());
  }
  return files;
}

CheckReport CheckTest::Checked(const CheckOptions& options) {
  log_.reset();
  const auto before = Files();
  CheckReport report;
  {
    DataDirectory directory;
    const Status opened = directory.OpenExisting(dir_, false);
    EXPECT_TRUE(opened.ok()) << opened.text();
    Progress progress({});
    const Status checked = Check(directory, options, progress, report);
    EXPECT_TRUE(checked.ok()) << checked.text();
  }
  EXPECT_TRUE(Files() == before) << "a check changed what it looked at";
  return report;
}

CheckReport CheckTest::ExpectFound(const std::string& naming) {
  CheckReport report = Checked();
  EXPECT_FALSE(report.sound());
  EXPECT_NE(DamageText(report).find(naming), std::string::npos) << DamageText(report);
  EXPECT_NE(ReportText(report).find("\nremedy "), std::string::npos);
  return report;
}

void CheckTest::ExpectSound() {
  const CheckReport report = Checked();
  EXPECT_TRUE(report.sound()) << DamageText(report);
}

Status CheckTest::Cut(const CutOptions& options) {
  log_.reset();
  DataDirectory directory;
  if (Status status = directory.OpenExisting(dir_, true); !status.ok()) return status;
  CheckReport report;
  Progress progress({});
  if (Status status = Check(directory, {}, progress, report); !status.ok()) return status;
  if (report.sound()) return Status::Ok();
  const std::string why_not = WhyNotCut(report);
  if (!why_not.empty()) return Status::Invalid(why_not);
  return CutTail(directory, report, options);
}

std::string CheckTest::MakeRecord(const History& history, Index first, const std::string& batch,
                                  uint64_t epoch) {
  RecordBuilder record;
  record.Append({.mutations = batch, .server_time = kNow});
  return std::string(
      record.Seal({.history = history.id, .epoch = epoch, .first = first, .acked = 0}));
}

std::vector<WalRecord> WalRecordsOf(const std::string& wal) {
  std::vector<WalRecord> records;
  for (size_t at = 0; at + kWalHeaderBytes <= wal.size();) {
    const size_t length =
        static_cast<unsigned char>(wal[at + 4]) + static_cast<unsigned char>(wal[at + 5]) * 256U;
    records.push_back({.at = at, .end = at + kWalHeaderBytes + length});
    at = records.back().end;
  }
  return records;
}

std::string Flipped(std::string bytes, size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return bytes;
}

std::string DamageText(const CheckReport& report) {
  std::string text;
  for (const Damage& damage : report.damages) text += damage.text + "\n";
  return text;
}

}  // namespace holdfast
