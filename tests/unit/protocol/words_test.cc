#include "protocol/words.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(EqualsIgnoreCase, KnowsAsciiLettersOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("ex", "EX"));
  EXPECT_TRUE(EqualsIgnoreCase("", ""));
  EXPECT_TRUE(EqualsIgnoreCase("aZ09_", "Az09_"));
  EXPECT_FALSE(EqualsIgnoreCase("EX", "EXX"));
  EXPECT_FALSE(EqualsIgnoreCase("EX", "PX"));
  // One bit apart as 'a' and 'A' are, but no letters.
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_FALSE(EqualsIgnoreCase("[", "{"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc0", "\xe0"));
}

TEST(LowerCased, LeavesOtherBytesAlone) { EXPECT_EQ(LowerCased("AbZ@[`{09\xc0"), "abz@[`{09\xc0"); }

}  // namespace
}  // namespace holdfast
