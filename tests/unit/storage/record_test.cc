#include "storage/record.h"

#include <functional>

#include <gtest/gtest.h>

#include "storage/checksum.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

constexpr size_t kHeaderHashAt = 72;

std::string TwoBatches() {
  RecordBuilder record;
  record.Append({.mutations = Mutations("a mask"), .gated = true, .server_time = FromUnixMs(2000)});
  record.Append({.mutations = Mutations("a cap"), .gated = false, .server_time = FromUnixMs(1000)});
  return std::string(record.Seal({.history = TestHistory(), .epoch = 3, .first = 41, .acked = 17}));
}

// `record` with the body changed and both hashes made to fit again: what a broken writer would
// leave.
std::string Rewritten(std::string record, const std::function<void(std::string&)>& change) {
  std::string body = record.substr(kRecordHeaderBytes);
  change(body);
  std::string header = record.substr(0, 8);
  AppendInt(header, uint64_t{body.size()});
  header.append(record, 16, 48);
  AppendInt(header, Checksum(body));
  AppendInt(header, Checksum(header));
  return header + body;
}

bool Decodes(std::string_view bytes) {
  RecordView view;
  const Status status = DecodeRecord(bytes, view);
  EXPECT_TRUE(status.ok() || status.code() == Status::Code::kDamaged);
  return status.ok();
}

TEST(Record, GivesBackWhatWasAppended) {
  const std::string record = TwoBatches();
  RecordView view;
  ASSERT_TRUE(DecodeRecord(record, view).ok());
  EXPECT_EQ(view.header.history, TestHistory());
  EXPECT_EQ(view.header.epoch, 3U);
  EXPECT_EQ(view.header.first, 41U);
  EXPECT_EQ(view.header.last(), 42U);
  EXPECT_EQ(view.header.acked, 17U);
  EXPECT_EQ(view.header.server_time, FromUnixMs(2000));  // the latest, whatever the order
  ASSERT_EQ(view.batches.size(), 2U);
  EXPECT_EQ(view.batches[0].mutations, Mutations("a mask"));
  EXPECT_TRUE(view.batches[0].gated);
  EXPECT_EQ(view.batches[1].mutations, Mutations("a cap"));
  EXPECT_FALSE(view.batches[1].gated);
}

// Databases in the field hold these bytes: a change here needs a new format letter.
TEST(Record, LiesOnDiskAsDrawn) {
  const std::string record = TwoBatches();
  EXPECT_EQ(record.substr(0, 4), "HFR1");
  ByteReader reader(std::string_view(record).substr(4));
  EXPECT_EQ(reader.Int<uint32_t>(), 2U);
  EXPECT_EQ(reader.Int<uint64_t>(), record.size() - 80);
  EXPECT_EQ(reader.Bytes(16), TestHistory().view());
  EXPECT_EQ(reader.Int<uint64_t>(), 3U);
  EXPECT_EQ(reader.Int<uint64_t>(), 41U);
  EXPECT_EQ(reader.Int<uint64_t>(), 17U);
  EXPECT_EQ(reader.Int<int64_t>(), 2000);
  EXPECT_EQ(reader.Int<uint64_t>(), Checksum(std::string_view(record).substr(80)));
  EXPECT_EQ(reader.Int<uint64_t>(), Checksum(std::string_view(record).substr(0, 72)));
}

TEST(Record, EveryTruncationIsRefused) {
  const std::string record = TwoBatches();
  for (size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(Decodes(std::string_view(record).substr(0, size))) << size;
  }
  EXPECT_FALSE(Decodes(record + '\0'));
}

TEST(Record, EveryFlippedBitIsRefused) {
  std::string record = TwoBatches();
  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1U << (bit % 8));
    record[bit / 8] = static_cast<char>(record[bit / 8] ^ mask);
    EXPECT_FALSE(Decodes(record)) << "bit " << bit;
    record[bit / 8] = static_cast<char>(record[bit / 8] ^ mask);
  }
  EXPECT_TRUE(Decodes(record));
}

TEST(Record, AFlippedBitInTheHeaderIsSeenWithoutTheBody) {
  std::string header = TwoBatches().substr(0, kRecordHeaderBytes);
  RecordHeader out;
  EXPECT_TRUE(DecodeRecordHeader(header, out).ok());
  for (size_t bit = 0; bit < header.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1U << (bit % 8));
    header[bit / 8] = static_cast<char>(header[bit / 8] ^ mask);
    EXPECT_FALSE(DecodeRecordHeader(header, out).ok()) << "bit " << bit;
    header[bit / 8] = static_cast<char>(header[bit / 8] ^ mask);
  }
}

TEST(Record, ABodyThatIsNoBatchesIsRefusedThoughItsHashesFit) {
  const std::string record = TwoBatches();
  ASSERT_TRUE(Decodes(Rewritten(record, [](std::string&) {})));
  const struct {
    const char* what;
    std::function<void(std::string&)> change;
  } cases[] = {
      {"a batch longer than the body", [](std::string& body) { body[2] = 1; }},
      {"a batch of 4 GiB", [](std::string& body) { body.replace(0, 4, "\xff\xff\xff\xff"); }},
      {"an empty batch", [](std::string& body) { body = std::string(10, '\0'); }},
      {"a flag that nobody knows", [](std::string& body) { body[4] = 2; }},
      {"a batch too few", [](std::string& body) { body.resize(5 + Mutations("a mask").size()); }},
      {"a batch too many", [](std::string& body) { body += body; }},
      {"a mutation longer than its batch", [](std::string& body) { ++body[5 + 4]; }},
      {"a mutation shorter than its key", [](std::string& body) { body[5 + 4] = 5; }},
      {"a slot that is none", [](std::string& body) { body[5 + 3] = '\x40'; }},
      {"a database that is none", [](std::string& body) { body[5 + 1] = 16; }},
  };
  for (const auto& [what, change] : cases) EXPECT_FALSE(Decodes(Rewritten(record, change))) << what;
}

TEST(Record, AHeaderThatContradictsItselfIsRefusedThoughItsHashFits) {
  const std::string record = TwoBatches();
  const auto with = [&](size_t at, auto value) {
    std::string changed = record;
    changed.replace(at, sizeof value, reinterpret_cast<const char*>(&value), sizeof value);
    std::string header = changed.substr(0, kHeaderHashAt);
    AppendInt(header, Checksum(header));
    return header + changed.substr(kRecordHeaderBytes);
  };
  ASSERT_TRUE(Decodes(with(40, uint64_t{18})));
  EXPECT_FALSE(Decodes(with(0, uint32_t{0x32524648}))) << "format 2";
  EXPECT_FALSE(Decodes(with(4, uint32_t{0}))) << "no batch";
  EXPECT_FALSE(Decodes(with(4, uint32_t{0xffffffff}))) << "more batches than bytes";
  EXPECT_FALSE(Decodes(with(40, uint64_t{0}))) << "index 0";
  EXPECT_FALSE(Decodes(with(40, ~uint64_t{0}))) << "indexes that wrap around";
  EXPECT_FALSE(Decodes(with(48, uint64_t{41}))) << "acked before it was written";
}

TEST(RecordBuilder, ClosesAtOneMebibyteUnlessASingleBatchIsLarger) {
  RecordBuilder record;
  const std::string half = Mutations(std::string(kRecordBytesMax / 2, 'x'));
  const std::string huge = Mutations(std::string(2 * kRecordBytesMax, 'x'));
  EXPECT_TRUE(record.Fits({.mutations = huge}));
  record.Append({.mutations = half});
  EXPECT_FALSE(record.Fits({.mutations = half}));
  const size_t rest = kRecordBytesMax - record.bytes() - kBatchHeaderBytes;
  const size_t empty_size = Mutations("").size();
  EXPECT_TRUE(record.Fits({.mutations = Mutations(std::string(rest - empty_size, 'x'))}));
  EXPECT_FALSE(record.Fits({.mutations = Mutations(std::string(rest - empty_size + 1, 'x'))}));
}

TEST(RecordBuilder, IsLikeNewAfterClear) {
  RecordBuilder record;
  record.Append({.mutations = Mutations(std::string(3 * kRecordBytesMax, 'x')),
                 .gated = true,
                 .server_time = FromUnixMs(5)});
  record.Clear();
  EXPECT_TRUE(record.empty());
  EXPECT_FALSE(record.gated());
  record.Append({.mutations = Mutations("a")});
  RecordView view;
  ASSERT_TRUE(
      DecodeRecord(record.Seal({.history = {}, .epoch = 1, .first = 1, .acked = 0}), view).ok());
  EXPECT_EQ(view.batches.size(), 1U);
  EXPECT_EQ(view.header.server_time, kNever);
}

TEST(History, RowGivesBackWhatWasWrittenAndNothingElse) {
  History drawn;
  History again;
  ASSERT_TRUE(DrawHistory(drawn).ok());
  ASSERT_TRUE(DrawHistory(again).ok());
  EXPECT_NE(drawn.id, again.id);
  EXPECT_NE(drawn.hash_seed.value, again.hash_seed.value);
  drawn.epoch = 9;
  std::string row = EncodeHistory(drawn);
  History read;
  ASSERT_TRUE(DecodeHistory(row, read).ok());
  EXPECT_EQ(read.id, drawn.id);
  EXPECT_EQ(read.hash_seed.value, drawn.hash_seed.value);
  EXPECT_EQ(read.epoch, 9U);
  for (size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(DecodeHistory(std::string_view(row).substr(0, size), read).ok()) << size;
  }
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    row[bit / 8] = static_cast<char>(row[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(DecodeHistory(row, read).ok()) << "bit " << bit;
    row[bit / 8] = static_cast<char>(row[bit / 8] ^ (1 << (bit % 8)));
  }
}

}  // namespace
}  // namespace holdfast
