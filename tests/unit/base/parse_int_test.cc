#include "storage/base/parse_int.h"

#include <limits>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(ParseInt64, TakesWhatRedisTakes) {
  EXPECT_EQ(ParseInt64("0"), 0);
  EXPECT_EQ(ParseInt64("-1"), -1);
  EXPECT_EQ(ParseInt64("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseInt64("-9223372036854775808"), std::numeric_limits<int64_t>::min());
}

TEST(ParseInt64, RefusesEverythingElse) {
  for (const char* text : {"", "-", "+", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1a", "0x1",
                           "1.0", "9223372036854775808", "-9223372036854775809", "--1", "-+1"}) {
    EXPECT_FALSE(ParseInt64(text)) << text;
  }
}

TEST(ParseUint64, HoldsTheWholeRange) {
  EXPECT_EQ(ParseUint64("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_FALSE(ParseUint64("18446744073709551616"));
  EXPECT_FALSE(ParseUint64("-1"));
}

}  // namespace
}  // namespace holdfast
