#include "protocol/glob.h"

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::string_literals;

struct Case {
  std::string pattern;
  std::string text;
  bool matches;
};

void ExpectAll(std::initializer_list<Case> cases, GlobCase glob_case = GlobCase::kExact) {
  for (const Case& c : cases) {
    EXPECT_EQ(GlobMatch(c.pattern, c.text, glob_case), c.matches) << c.pattern << " on " << c.text;
  }
}

TEST(GlobMatch, TakesLiteralsWhole) {
  ExpectAll({{"", "", true},
             {"", "a", false},
             {"a", "", false},
             {"abc", "abc", true},
             {"abc", "ab", false},
             {"ab", "abc", false},
             {"a\0b"s, "a\0b"s, true},
             {"a\0b"s, "a\0c"s, false}});
}

TEST(GlobMatch, LetsAStarBeAnything) {
  ExpectAll({{"*", "", true},
             {"**", "", true},
             {"*", "abc", true},
             {"a*", "a", true},
             {"a*", "b", false},
             {"*a", "ba", true},
             {"*a", "ab", false},
             {"a*c", "abbc", true},
             {"a*c", "abcb", false},
             {"*a*b*", "xaxbx", true},
             {"*a*b*", "xbxax", false},
             {"a***b", "ab", true},
             {"*ab*ab", "ab", false},
             {"*aab", "aaab", true},
             {"mask:*:eu", "mask:7:us:eu", true}});
}

TEST(GlobMatch, LetsAQuestionMarkBeOneByte) {
  ExpectAll({{"?", "a", true},
             {"?", "", false},
             {"?", "ab", false},
             {"*?", "", false},
             {"*??", "ab", true},
             {"a?c", "abc", true},
             {"a?c", "ac", false}});
}

TEST(GlobMatch, ChoosesFromASet) {
  ExpectAll({{"h[ae]llo", "hello", true}, {"h[ae]llo", "hillo", false},
             {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false},
             {"[a-c]", "b", true},        {"[a-c]", "d", false},
             {"[c-a]", "b", true},        {"[^a-c]", "d", true},
             {"[a-cx-z]", "y", true},     {"[-a]", "-", true},
             {"[a^]", "^", true},         {"[]", "]", false},
             {"[]a]", "a]", false},       {"[\\]]", "]", true},
             {"[\\a-c]", "-", true},      {"[a]b", "ab", true},
             {"[ab", "b", true},          {"[ab", "c", false},
             {"[", "a", false},           {"[a-", "-", true},
             {"[a-", "A", false},         {"[^", "a", true},
             {"*[0-9]x", "a1b2x", true},  {"[\x80-\xff]", "\xc3", true},
             {"[\x80-\xff]", "a", false}});
}

TEST(GlobMatch, TakesAnEscapedByteForItself) {
  ExpectAll({{"\\*", "*", true},
             {"\\*", "a", false},
             {"a\\?", "a?", true},
             {"a\\?", "ab", false},
             {"\\[a]", "[a]", true},
             {"\\\\", "\\", true},
             {"\\", "\\", true},
             {"a\\", "a\\", true},
             {"*\\*", "ab*", true},
             {"\\a", "a", true}});
}

TEST(GlobMatch, IgnoresCaseWhenAsked) {
  ExpectAll({{"MaxMemory*", "maxmemory-clients", true},
             {"[A-C]", "b", true},
             {"[a-c]", "B", true},
             {"\\A", "a", true},
             {"[\\A]", "a", true},
             {"a", "b", false}},
            GlobCase::kIgnore);
  ExpectAll({{"A", "a", false}, {"[A-C]", "b", false}});
}

// Trying every star at every place would take longer than the universe has left.
TEST(GlobMatch, IsNotExponentialInItsStars) {
  std::string pattern;
  for (int i = 0; i < 16 * 1024; ++i) pattern += "a*";
  pattern += "b";
  const std::string text(64 * 1024, 'a');
  EXPECT_FALSE(GlobMatch(pattern, text));
  EXPECT_TRUE(GlobMatch(pattern, text + "b"));
  EXPECT_FALSE(GlobMatch(std::string(64 * 1024, '*') + "b", text));
}

// A search for the long stretch between two stars may start at every place of the text. Byte by
// byte that would be 1 to 4 thousand million steps for each line here; 64 of them at a time, each
// takes a few dozen milliseconds.
TEST(GlobMatch, IsNotQuadraticInAStretchWithoutStars) {
  constexpr size_t kKiB = 1024;
  const std::string text(64 * kKiB, 'a');
  const std::string half(32 * kKiB, 'a');
  std::string sets;
  while (sets.size() < 32 * kKiB) sets += "[^b]";
  std::string range = "[";
  while (range.size() < 64 * kKiB - 4) range += "x-z";
  const auto started = std::chrono::steady_clock::now();
  const std::string any(30 * kKiB, '?');
  for (const std::string& stretch : {half, any, sets, half + any}) {
    std::string pattern = "*";
    pattern.append(stretch).append("b");
    EXPECT_FALSE(GlobMatch(pattern, text));
    EXPECT_TRUE(GlobMatch(pattern, text + "b"));
    pattern.append("*").append(stretch);
    EXPECT_FALSE(GlobMatch(pattern, text));
  }
  EXPECT_FALSE(GlobMatch("*" + range + "]", text));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(20));
}

TEST(GlobPattern, IsHeldAgainstManyTextsAndKeepsNothingOfThem) {
  GlobPattern pattern("user:*:[0-9]?");
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(pattern.Matches("user:ann:7x"));
    EXPECT_FALSE(pattern.Matches("user:ann:xx"));
    EXPECT_FALSE(pattern.Matches("user:"));
    EXPECT_TRUE(pattern.Matches("user::00"));
  }
  EXPECT_FALSE(pattern.MatchesAll());
  EXPECT_TRUE(GlobPattern("**").MatchesAll());
  EXPECT_FALSE(GlobPattern("").MatchesAll());
}

// Places of the automaton fill words of 64 bits: every length around their borders, with the star
// on each side.
TEST(GlobPattern, CarriesOverTheBordersOfItsWords) {
  for (size_t size = 60; size <= 200; ++size) {
    const std::string run(size, 'a');
    EXPECT_TRUE(GlobMatch(run, run)) << size;
    EXPECT_FALSE(GlobMatch(run, run + "a")) << size;
    EXPECT_FALSE(GlobMatch(run + "a", run)) << size;
    EXPECT_TRUE(GlobMatch("*b" + run, "aab" + run)) << size;
    EXPECT_FALSE(GlobMatch("*b" + run, "aab" + run + "a")) << size;
    EXPECT_TRUE(GlobMatch(run + "*b", run + "aab")) << size;
    EXPECT_TRUE(GlobMatch(run + "*" + run + "?", run + run + "c")) << size;
    EXPECT_FALSE(GlobMatch(run + "*" + run + "?", run + run)) << size;
  }
}

// Against every pattern and text of a few bytes, by the definition: slow, but plainly right.
bool MatchesByDefinition(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (size_t skip = 0; skip <= text.size(); ++skip) {
      if (MatchesByDefinition(pattern.substr(1), text.substr(skip))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         MatchesByDefinition(pattern.substr(1), text.substr(1));
}

TEST(GlobMatch, AgreesWithTheDefinitionOnAllShortPatterns) {
  constexpr std::string_view kPatternBytes = "ab*?";
  for (size_t p = 0; p < 4096; ++p) {  // six elements of four kinds
    std::string pattern;
    for (size_t rest = p, i = 0; i < 6; ++i, rest /= 4) pattern += kPatternBytes[rest % 4];
    for (size_t t = 0; t < 128; ++t) {  // bits below the leading one: up to six of 'a' and 'b'
      std::string text;
      for (size_t rest = t + 1; rest > 1; rest /= 2) text += rest % 2 != 0 ? 'b' : 'a';
      ASSERT_EQ(GlobMatch(pattern, text), MatchesByDefinition(pattern, text))
          << pattern << " on " << text;
    }
  }
}

}  // namespace
}  // namespace holdfast
