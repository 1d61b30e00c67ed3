#include "protocol/words.h"

#include <string>

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

TEST(EqualsIgnoreCase, LooksAtEveryByte) {
  for (size_t size = 1; size < 20; ++size) {
    const std::string word = std::string("ABCDEFGHIJKLMNOPQRST").substr(0, size);
    EXPECT_TRUE(EqualsIgnoreCase(word, std::string(word))) << size;
    EXPECT_TRUE(EqualsIgnoreCase(word, LowerCased(word))) << size;
    for (size_t at = 0; at < size; ++at) {
      std::string other = word;
      other[at] = '#';
      EXPECT_FALSE(EqualsIgnoreCase(word, other)) << size << " at " << at;
    }
  }
}

TEST(LowerCased, LeavesOtherBytesAlone) { EXPECT_EQ(LowerCased("AbZ@[`{09\xc0"), "abz@[`{09\xc0"); }

}  // namespace
}  // namespace holdfast
