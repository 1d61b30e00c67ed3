// Every length a client may claim, on both sides of its limit.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/resp_parser.h"
#include "tests/unit/protocol/parse_pieces.h"

namespace holdfast {
namespace {

using State = RespParser::State;

State StateOf(std::string_view bytes, const ParserLimits& limits) {
  RespParser parser;
  RespParser::Words words;
  return parser.Parse(bytes, limits, words).state;
}

std::string ErrorOf(std::string_view bytes, const ParserLimits& limits) {
  RespParser parser;
  RespParser::Words words;
  EXPECT_EQ(parser.Parse(bytes, limits, words).state, State::kMalformed);
  return std::string(parser.error());
}

TEST(ParserLimits, BeforeAuthenticationTenWords) {
  EXPECT_EQ(StateOf("*10\r\n", kUnauthenticatedLimits), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*11\r\n", kUnauthenticatedLimits),
            "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(ErrorOf("*1048577\r\n", kUnauthenticatedLimits),
            "Protocol error: invalid multibulk length");  // AUTH would not lift this one
}

TEST(ParserLimits, BeforeAuthentication16KiBAWord) {
  EXPECT_EQ(StateOf("*1\r\n$16384\r\n", kUnauthenticatedLimits), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*1\r\n$16385\r\n", kUnauthenticatedLimits),
            "Protocol error: unauthenticated bulk length");
}

TEST(ParserLimits, BeforeAuthenticationTheLargestRequestFits) {
  const Request largest(10, std::string(16 * 1024, 'x'));
  const Conversation heard = ParsePieces({Multibulk(largest)}, kUnauthenticatedLimits);
  ASSERT_EQ(heard.requests.size(), 1U) << heard.error;
  EXPECT_EQ(heard.requests[0], largest);
}

TEST(ParserLimits, InlineWordsAreBoundedAlike) {
  const auto limits = kUnauthenticatedLimits;
  EXPECT_EQ(StateOf("1 2 3 4 5 6 7 8 9 10\r\n", limits), State::kComplete);
  EXPECT_EQ(ErrorOf("1 2 3 4 5 6 7 8 9 10 11\r\n", limits),
            "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(StateOf(std::string(16 * 1024, 'x') + "\r\n", limits), State::kComplete);
  EXPECT_EQ(ErrorOf(std::string(16 * 1024 + 1, 'x') + "\r\n", limits),
            "Protocol error: unauthenticated bulk length");
  EXPECT_EQ(ErrorOf("1 2 3\r\n", {.words_max = 2}), "Protocol error: invalid multibulk length");
  EXPECT_EQ(ErrorOf("12 345\r\n", {.word_bytes_max = 2}), "Protocol error: invalid bulk length");
}

TEST(ParserLimits, AfterwardsAMillionWords) {
  EXPECT_EQ(StateOf("*1048576\r\n", {}), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*1048577\r\n", {}), "Protocol error: invalid multibulk length");
  EXPECT_EQ(ErrorOf("*5\r\n", {.words_max = 4}), "Protocol error: invalid multibulk length");
}

TEST(ParserLimits, AfterwardsProtoMaxBulkLen) {
  EXPECT_EQ(StateOf("*1\r\n$67108864\r\n", {}), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*1\r\n$67108865\r\n", {}), "Protocol error: invalid bulk length");
  EXPECT_EQ(StateOf("*1\r\n$100\r\n", {.word_bytes_max = 100}), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*1\r\n$101\r\n", {.word_bytes_max = 100}),
            "Protocol error: invalid bulk length");
}

TEST(ParserLimits, TheWholeRequestIsBoundedToo) {
  const std::string request = Multibulk({"SET", "key", "value"});
  EXPECT_EQ(StateOf(request, {.request_bytes_max = request.size()}), State::kComplete);
  EXPECT_EQ(ErrorOf(request, {.request_bytes_max = request.size() - 1}),
            "Protocol error: too big request");
  // Told as soon as the length is known, before the word has come.
  EXPECT_EQ(ErrorOf("*2\r\n$60\r\n", {.request_bytes_max = 64}), "Protocol error: too big request");
}

TEST(ParserLimits, NoConfigurationLiftsTheCeiling) {
  const ParserLimits none{
      .words_max = SIZE_MAX, .word_bytes_max = SIZE_MAX, .request_bytes_max = SIZE_MAX};
  EXPECT_EQ(StateOf("*1\r\n$1073741000\r\n", none), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*1\r\n$1073741824\r\n", none), "Protocol error: too big request");
  EXPECT_EQ(ErrorOf("*1\r\n$1073741825\r\n", none), "Protocol error: invalid bulk length");
  EXPECT_EQ(ErrorOf("*1048577\r\n", none), "Protocol error: invalid multibulk length");
}

TEST(ParserLimits, AnInlineRequestIsALineOf64KiB) {
  const std::string longest(kInlineBytesMax, 'x');
  EXPECT_EQ(StateOf(longest, {}), State::kNeedMore);
  EXPECT_EQ(StateOf(longest + "\n", {}), State::kComplete);
  EXPECT_EQ(ErrorOf(longest + "x", {}), "Protocol error: too big inline request");
  EXPECT_EQ(ErrorOf(longest + "x\n", {}), "Protocol error: too big inline request");
}

TEST(ParserLimits, AnInlineRequestOf64KiBIsTheSameInAnyPieces) {
  for (const size_t size : {kInlineBytesMax, kInlineBytesMax + 1}) {
    const std::string line = std::string(size, 'x') + "\n";
    const Conversation whole = ParsePieces({line});
    for (const size_t cut : {size_t{1}, size - 1, size, size / 2}) {
      const std::string_view bytes = line;
      EXPECT_EQ(ParsePieces({bytes.substr(0, cut), bytes.substr(cut)}), whole)
          << size << ' ' << cut;
    }
  }
}

TEST(ParserLimits, ALengthLineIsShort) {
  const std::string digits(kLengthLineBytesMax - 2, '1');
  EXPECT_EQ(StateOf("*" + digits, {}), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*" + digits + "1", {}), "Protocol error: too big mbulk count string");
  EXPECT_EQ(ErrorOf("*" + digits + "\r\n", {}), "Protocol error: invalid multibulk length");
  EXPECT_EQ(StateOf("*1\r\n$" + digits, {}), State::kNeedMore);
  EXPECT_EQ(ErrorOf("*1\r\n$" + digits + "1", {}), "Protocol error: too big bulk count string");
  EXPECT_EQ(ErrorOf("*1\r\n$" + digits + "\r\n", {}), "Protocol error: invalid bulk length");
}

TEST(ParserLimits, AuthenticationLiftsThemInTheMiddleOfAPipeline) {
  RespParser parser;
  const std::string large = Multibulk(Request(11, "x"));
  RespParser::Words words;
  const std::string auth = Multibulk({"AUTH", "secret"});
  EXPECT_EQ(parser.Parse(auth, kUnauthenticatedLimits, words).state, State::kComplete);
  EXPECT_EQ(parser.Parse(large, {}, words).state, State::kComplete);
}

}  // namespace
}  // namespace holdfast
