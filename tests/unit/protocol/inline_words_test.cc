#include "protocol/inline_words.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::string_literals;
using Words = std::vector<std::string>;

// Nothing for unbalanced quotes.
std::optional<Words> Split(std::string_view line) {
  std::string unquoted;
  std::vector<std::string_view> words;
  if (SplitInlineWords(line, 100, unquoted, words) != InlineSplit::kSplit) return std::nullopt;
  return Words(words.begin(), words.end());
}

TEST(InlineWords, StandBetweenWhiteSpace) {
  EXPECT_EQ(Split(""), Words{});
  EXPECT_EQ(Split(" \t\v\f\r\n "), Words{});
  EXPECT_EQ(Split("PING"), Words{"PING"});
  EXPECT_EQ(Split("  GET \t key\r "), (Words{"GET", "key"}));
  EXPECT_EQ(Split("a\rb\nc"), (Words{"a", "b", "c"}));
}

TEST(InlineWords, MayBeQuoted) {
  EXPECT_EQ(Split(R"(SET k "two words")"), (Words{"SET", "k", "two words"}));
  EXPECT_EQ(Split(R"(SET k 'two words')"), (Words{"SET", "k", "two words"}));
  EXPECT_EQ(Split(R"("" '' a)"), (Words{"", "", "a"}));
  EXPECT_EQ(Split(R"("'" '"')"), (Words{"'", "\""}));
  EXPECT_EQ(Split("'a'\t\"b\"\v'c'"), (Words{"a", "b", "c"}));
}

TEST(InlineWords, MayTurnToQuotesHalfWay) {
  EXPECT_EQ(Split(R"(key:"a b" key:'c d' e)"), (Words{"key:a b", "key:c d", "e"}));
}

TEST(InlineWords, EscapeAnyByteInDoubleQuotes) {
  EXPECT_EQ(Split(R"("\x00\xfF\x7a")"), Words{"\x00\xff\x7a"s});
  EXPECT_EQ(Split(R"("\n\r\t\b\a")"), Words{"\n\r\t\b\a"});
  EXPECT_EQ(Split(R"("\"\\\q")"), Words{"\"\\q"});
  EXPECT_EQ(Split(R"("\xg1 \x1")"), Words{"xg1 x1"});  // no two hex digits: \x is a plain x
}

TEST(InlineWords, EscapeOnlyTheQuoteInSingleQuotes) {
  EXPECT_EQ(Split(R"('it\'s')"), Words{"it's"});
  EXPECT_EQ(Split(R"('\n\\a')"), Words{R"(\n\\a)"});
}

TEST(InlineWords, KeepABackslashOutsideQuotes) {
  EXPECT_EQ(Split(R"(a\n\x41 \)"), (Words{R"(a\n\x41)", R"(\)"}));
}

TEST(InlineWords, RefuseUnbalancedQuotes) {
  for (const std::string_view line :
       {R"(")", R"(')", R"("a)", R"('a)", R"(a")", R"("a"b)", R"('a'b)", R"("a""b")", R"("a\")",
        R"("a\)", R"('a\')", R"(ok "a' b)"}) {
    EXPECT_EQ(Split(line), std::nullopt) << line;
  }
}

TEST(InlineWords, AreBytes) {
  EXPECT_EQ(Split("a\0b \x80\xff"s), (Words{"a\0b"s, "\x80\xff"}));
  EXPECT_EQ(Split("a\vb"), Words{"a\vb"});
}

TEST(InlineWords, StayWhereTheyAreWhileLaterOnesAreUnquoted) {
  std::string line;
  Words expected;
  for (int i = 0; i < 500; ++i) {
    line += "'word " + std::to_string(i) + "' ";
    expected.push_back("word " + std::to_string(i));
  }
  std::string unquoted;
  std::vector<std::string_view> words;
  ASSERT_EQ(SplitInlineWords(line, 500, unquoted, words), InlineSplit::kSplit);
  EXPECT_EQ(Words(words.begin(), words.end()), expected);
}

TEST(InlineWords, StopAtTheirLimit) {
  std::string unquoted;
  std::vector<std::string_view> words;
  EXPECT_EQ(SplitInlineWords("a 'b' ", 2, unquoted, words), InlineSplit::kSplit);
  words.clear();
  EXPECT_EQ(SplitInlineWords("a 'b' c", 2, unquoted, words), InlineSplit::kTooManyWords);
  EXPECT_EQ(words.size(), 2U);
}

}  // namespace
}  // namespace holdfast
