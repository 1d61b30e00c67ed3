#include "storage/base/bytes.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(ByteReader, ReadsBackWhatWasAppended) {
  std::string bytes;
  AppendInt<uint8_t>(bytes, 7);
  AppendInt<int64_t>(bytes, -2);
  AppendWord(bytes, "ann");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Int<uint8_t>(), 7);
  EXPECT_EQ(reader.Int<int64_t>(), -2);
  EXPECT_EQ(reader.Word(), "ann");
  EXPECT_TRUE(reader.AtEnd());
}

TEST(ByteReader, StaysFailedOnceItRanShort) {
  std::string bytes;
  AppendInt<uint32_t>(bytes, 100);  // a word that claims more than there is
  bytes += "ab";
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Word(), "");
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.Int<uint8_t>(), 0);
  EXPECT_FALSE(reader.AtEnd());
}

}  // namespace
}  // namespace holdfast
