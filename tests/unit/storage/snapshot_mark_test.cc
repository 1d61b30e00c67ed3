#include "storage/snapshot_mark.h"

#include <cstring>

#include <gtest/gtest.h>

#include "storage/checksum.h"

namespace holdfast {
namespace {

SnapshotMark AMark() {
  SnapshotMark mark{.number = 7,
                    .server_time = FromUnixMs(1795288322993),
                    .rows = 100,
                    .keys = 5000,
                    .bytes = 1 << 20};
  for (size_t i = 0; i < mark.cuts.size(); ++i) mark.cuts[i] = 1000 + i;
  return mark;
}

void Rehash(std::string& row) {
  const uint64_t hash = Checksum(std::string_view(row).substr(0, row.size() - sizeof hash));
  std::memcpy(row.data() + row.size() - sizeof hash, &hash, sizeof hash);
}

TEST(SnapshotMark, SaysWhatWasWritten) {
  SnapshotMark mark;
  ASSERT_TRUE(DecodeSnapshotMark(EncodeSnapshotMark(AMark()), mark).ok());
  EXPECT_EQ(mark, AMark());
}

TEST(SnapshotMark, EveryFlippedBitShows) {
  const std::string row = EncodeSnapshotMark(AMark());
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string bad = row;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    SnapshotMark mark;
    EXPECT_EQ(DecodeSnapshotMark(bad, mark).code(), Status::Code::kDamaged) << "bit " << bit;
  }
}

TEST(SnapshotMark, EveryOtherLengthShows) {
  const std::string row = EncodeSnapshotMark(AMark());
  SnapshotMark mark;
  for (size_t length = 0; length < row.size(); ++length) {
    EXPECT_EQ(DecodeSnapshotMark(row.substr(0, length), mark).code(), Status::Code::kDamaged);
  }
  EXPECT_EQ(DecodeSnapshotMark(row + "x", mark).code(), Status::Code::kDamaged);
}

TEST(SnapshotMark, AnotherLengthShowsEvenWithItsHash) {
  std::string longer = EncodeSnapshotMark(AMark());
  std::string shorter = longer;
  longer.insert(longer.size() - 8, 8, '\0');
  shorter.erase(shorter.size() - 16, 8);
  SnapshotMark mark;
  for (std::string* row : {&longer, &shorter}) {
    Rehash(*row);
    EXPECT_EQ(DecodeSnapshotMark(*row, mark).code(), Status::Code::kDamaged);
  }
}

TEST(SnapshotMark, ALaterFormatIsNamed) {
  std::string row = EncodeSnapshotMark(AMark());
  row.insert(20, "more");
  row[3] = '2';
  Rehash(row);
  SnapshotMark mark;
  const Status status = DecodeSnapshotMark(row, mark);
  EXPECT_EQ(status.code(), Status::Code::kInvalid);
  EXPECT_NE(status.text().find("HFS2"), std::string::npos) << status.text();
}

TEST(SnapshotMark, AStrangersRowIsDamage) {
  std::string row = EncodeSnapshotMark(AMark());
  row[0] = 'X';
  Rehash(row);
  SnapshotMark mark;
  EXPECT_EQ(DecodeSnapshotMark(row, mark).code(), Status::Code::kDamaged);
}

TEST(SnapshotMark, OneWithoutANumberIsDamage) {
  SnapshotMark mark;
  EXPECT_EQ(DecodeSnapshotMark(EncodeSnapshotMark({}), mark).code(), Status::Code::kDamaged);
}

}  // namespace
}  // namespace holdfast
