#include "storage/arriving_mark.h"

#include <gtest/gtest.h>

#include "storage/sealed_row.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

const ArrivingMark kMark{.history = TestHistory(), .last = {.epoch = 3, .index = 4711}};

TEST(ArrivingMark, SaysWhatWasWritten) {
  ArrivingMark mark;
  ASSERT_TRUE(DecodeArrivingMark(EncodeArrivingMark(kMark), mark).ok());
  EXPECT_EQ(mark, kMark);
}

TEST(ArrivingMark, EveryFlippedBitAndEveryOtherLengthShows) {
  const std::string row = EncodeArrivingMark(kMark);
  ArrivingMark mark;
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string bad = row;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeArrivingMark(bad, mark).code(), Status::Code::kDamaged) << "bit " << bit;
  }
  for (size_t length = 0; length < row.size(); ++length)
    EXPECT_EQ(DecodeArrivingMark(row.substr(0, length), mark).code(), Status::Code::kDamaged);
  for (const size_t length : {size_t{31}, size_t{33}}) {
    const std::string sealed = SealRow("HFA1", std::string(length, 'x'));
    EXPECT_EQ(DecodeArrivingMark(sealed, mark).code(), Status::Code::kDamaged);
  }
}

TEST(ArrivingMark, ALaterFormatIsNamed) {
  ArrivingMark mark;
  const Status later = DecodeArrivingMark(SealRow("HFA2", "of tomorrow"), mark);
  EXPECT_EQ(later.code(), Status::Code::kInvalid);
  EXPECT_NE(later.text().find("'HFA2'"), std::string::npos) << later.text();
}

}  // namespace
}  // namespace holdfast
