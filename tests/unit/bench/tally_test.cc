#include "bench/tally.h"

#include <gtest/gtest.h>

namespace holdfast::bench {
namespace {

TEST(Tally, CountsAnswersByTheirFirstWord) {
  Tally tally;
  for (const char* reply :
       {"+OK\r\n", "*4\r\n+HELD\r\n:1\r\n:5\r\n:9\r\n", "*4\r\n+SOLDOUT\r\n:0\r\n:0\r\n:0\r\n",
        "*4\r\n+HELD\r\n:2\r\n:5\r\n:7\r\n", "$3\r\nabc\r\n", "$-1\r\n", ":5\r\n", "*0\r\n",
        "_\r\n", "*1\r\n:5\r\n"}) {
    tally.Count(reply);
  }
  std::string told;
  for (const Tally::Entry& entry : tally.entries()) {
    told += entry.word + " " + std::to_string(entry.count) + ", ";
  }
  EXPECT_EQ(told, "OK 1, HELD 2, SOLDOUT 1, value 4, null 2, ");
  EXPECT_EQ(tally.errors(), 0U);
}

TEST(Tally, TellsAnErrorFromAStatusOfTheSameWordAndKeepsTheFirstWhole) {
  Tally tally;
  tally.Count("+NOSKU\r\n");
  tally.Count("-NOSKU no such SKU 'a'\r\n");
  tally.Count("-NOSKU no such SKU 'b'\r\n");
  ASSERT_EQ(tally.entries().size(), 2U);
  EXPECT_EQ(tally.errors(), 2U);
  EXPECT_EQ(tally.entries()[1].count, 2U);
  EXPECT_EQ(tally.entries()[1].example, "NOSKU no such SKU 'a'");
}

}  // namespace
}  // namespace holdfast::bench
