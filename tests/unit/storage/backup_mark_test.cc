#include "storage/backup_mark.h"

#include <gtest/gtest.h>

#include "storage/sealed_row.h"

namespace holdfast {
namespace {

BackupMark AMark() {
  BackupMark mark{.epoch = 3, .index = 4711, .server_time = FromUnixMs(1795288322993)};
  for (size_t i = 0; i < mark.history.bytes.size(); ++i)
    mark.history.bytes[i] = static_cast<char>(200 + i);
  return mark;
}

TEST(BackupMark, SaysWhatWasWritten) {
  BackupMark mark;
  ASSERT_TRUE(DecodeBackupMark(EncodeBackupMark(AMark()), mark).ok());
  EXPECT_EQ(mark, AMark());
}

TEST(BackupMark, EveryFlippedBitAndEveryOtherLengthShows) {
  const std::string row = EncodeBackupMark(AMark());
  BackupMark mark;
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string bad = row;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeBackupMark(bad, mark).code(), Status::Code::kDamaged) << "bit " << bit;
  }
  for (size_t length = 0; length < row.size(); ++length)
    EXPECT_EQ(DecodeBackupMark(row.substr(0, length), mark).code(), Status::Code::kDamaged);
  EXPECT_EQ(DecodeBackupMark(row + "x", mark).code(), Status::Code::kDamaged);
}

TEST(BackupMark, AnotherLengthShowsEvenWithItsHash) {
  BackupMark mark;
  EXPECT_EQ(DecodeBackupMark(SealRow("HFB1", std::string(41, 'x')), mark).code(),
            Status::Code::kDamaged);
  EXPECT_EQ(DecodeBackupMark(SealRow("HFB1", std::string(39, 'x')), mark).code(),
            Status::Code::kDamaged);
}

TEST(BackupMark, ALaterFormatIsNamedAndAnotherThingIsNot) {
  BackupMark mark;
  const Status later = DecodeBackupMark(SealRow("HFB2", "of tomorrow"), mark);
  EXPECT_EQ(later.code(), Status::Code::kInvalid);
  EXPECT_NE(later.text().find("'HFB2'"), std::string::npos) << later.text();
  EXPECT_EQ(DecodeBackupMark(SealRow("HFS1", std::string(40, 'x')), mark).code(),
            Status::Code::kDamaged);
}

}  // namespace
}  // namespace holdfast
