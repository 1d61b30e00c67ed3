#include "protocol/resp_parser.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/protocol/allocation_count.h"
#include "tests/unit/protocol/parse_pieces.h"

namespace holdfast {
namespace {

using namespace std::string_literals;

struct Case {
  std::string bytes;
  std::vector<Request> requests;
  std::string error = {};  // the whole text but "Protocol error: "
  size_t unread_bytes = 0;
};

std::vector<Case> GoodRequests() {
  return {
      {"*1\r\n$4\r\nPING\r\n", {{"PING"}}},
      {"*5\r\n$7\r\nRESERVE\r\n$4\r\nmask\r\n$5\r\nord-1\r\n$1\r\n2\r\n$5\r\nFINAL\r\n",
       {{"RESERVE", "mask", "ord-1", "2", "FINAL"}}},
      {"*2\r\n$0\r\n\r\n$10\r\n0123456789\r\n", {{"", "0123456789"}}},
      {"*1\r\n$6\r\na\r\n\0\r*\r\n"s, {{"a\r\n\0\r*"s}}},  // words are any bytes
      {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\nPING\r\n*1\r\n$1\r\nc\r\n",
       {{"GET", "a"}, {"GET", "b"}, {"PING"}, {"c"}}},  // a pipeline, inline among it
      {"*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n   \r\n*1\r\n$1\r\na\r\n",
       {{}, {}, {}, {}, {}, {}, {"a"}}},  // empty requests
      {"SET  key\t'it\\'s' \"\\x41\\n\"\r\nGET key\n",
       {{"SET", "key", "it's", "A\n"}, {"GET", "key"}}},
      {"$3\r\n", {{"$3"}}},  // only '*' starts a multibulk request
      {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGE", {{"GET", "a"}}, "", 10},
      {"*3\r", {}, "", 3},
      {"PING", {}, "", 4},
  };
}

std::vector<Case> MalformedRequests() {
  const std::string long_digits(kLengthLineBytesMax - 1, '1');
  return {
      {"*\r\n", {}, "invalid multibulk length"},
      {"*a\r\n", {}, "invalid multibulk length"},
      {"*+1\r\n$1\r\na\r\n", {}, "invalid multibulk length"},
      {"*01\r\n$1\r\na\r\n", {}, "invalid multibulk length"},
      {"*-0\r\n", {}, "invalid multibulk length"},
      {"*1 \r\n", {}, "invalid multibulk length"},
      {"*1\0\r\n"s, {}, "invalid multibulk length"},
      {"*1\r$", {}, "invalid multibulk length"},
      {"*1048577\r\n", {}, "invalid multibulk length"},
      {"*99999999999\r\n", {}, "invalid multibulk length"},
      {"*9223372036854775808\r\n", {}, "invalid multibulk length"},
      {"*" + long_digits, {}, "too big mbulk count string"},
      {"*1\r\n*1\r\n", {}, "expected '$', got '*'"},
      {"*1\r\nx", {}, "expected '$', got 'x'"},
      {"*1\r\n\r\n", {}, "expected '$', got '\r'"},
      {"*1\r\n\n", {}, "expected '$', got '\n'"},
      {"*2\r\n$1\r\na\r\n:1\r\n", {}, "expected '$', got ':'"},
      {"*1\r\n$\r\n", {}, "invalid bulk length"},
      {"*1\r\n$-1\r\n", {}, "invalid bulk length"},
      {"*1\r\n$a\r\n", {}, "invalid bulk length"},
      {"*1\r\n$+1\r\na\r\n", {}, "invalid bulk length"},
      {"*1\r\n$01\r\na\r\n", {}, "invalid bulk length"},
      {"*1\r\n$1\ra\r\n", {}, "invalid bulk length"},
      {"*1\r\n$67108865\r\n", {}, "invalid bulk length"},
      {"*1\r\n$9223372036854775807\r\n", {}, "invalid bulk length"},
      {"*1\r\n$18446744073709551617\r\n", {}, "invalid bulk length"},
      {"*1\r\n$" + long_digits, {}, "too big bulk count string"},
      {"*1\r\n$1\r\nab\r\n", {}, "expected CRLF after bulk"},
      {"*1\r\n$1\r\na\rb", {}, "expected CRLF after bulk"},
      {"*1\r\n$3\r\nab\r\n\r\n", {}, "expected CRLF after bulk"},
      {"SET a \"b\r\n", {}, "unbalanced quotes in request"},
      {"SET a 'b'c\r\n", {}, "unbalanced quotes in request"},
      {"*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n", {{"PING"}}, "invalid multibulk length"},
  };
}

std::vector<Case> AllRequests() {
  std::vector<Case> all = GoodRequests();
  for (Case& malformed : MalformedRequests()) all.push_back(std::move(malformed));
  return all;
}

Conversation Expected(const Case& c) {
  return {c.requests, c.error.empty() ? "" : "Protocol error: " + c.error, c.unread_bytes};
}

TEST(RespParser, GivesTheWordsThatTheClientSent) {
  for (const Case& c : GoodRequests()) EXPECT_EQ(ParsePieces({c.bytes}), Expected(c)) << c.bytes;
}

TEST(RespParser, SaysAsRedisDoesWhatIsMalformed) {
  for (const Case& c : MalformedRequests()) {
    const Conversation heard = ParsePieces({c.bytes});
    EXPECT_EQ(heard.error, "Protocol error: " + c.error) << c.bytes;
    EXPECT_EQ(heard.requests, c.requests) << c.bytes;
  }
}

TEST(RespParser, GivesTheSameAnswerHoweverTheBytesAreCut) {
  for (const Case& c : AllRequests()) {
    const std::string_view bytes = c.bytes;
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
      EXPECT_EQ(ParsePieces({bytes.substr(0, cut), bytes.substr(cut)}), Expected(c))
          << c.bytes << " cut at " << cut;
    }
    std::vector<std::string_view> single_bytes;
    for (size_t i = 0; i < bytes.size(); ++i) single_bytes.push_back(bytes.substr(i, 1));
    EXPECT_EQ(ParsePieces(single_bytes), Expected(c)) << c.bytes << " byte by byte";
  }
}

TEST(RespParser, ConsumesOneRequestAndTouchesNothingBehindIt) {
  RespParser parser;
  RespParser::Words words;
  const std::string first = Multibulk({"GET", "a"});
  const auto result = parser.Parse(first + "*garbage", {}, words);
  EXPECT_EQ(result.state, RespParser::State::kComplete);
  EXPECT_EQ(result.consumed, first.size());
}

TEST(RespParser, NeedsMoreOfNothing) {
  RespParser parser;
  RespParser::Words words;
  EXPECT_EQ(parser.Parse({}, {}, words).state, RespParser::State::kNeedMore);
  EXPECT_EQ(parser.bytes_wanted(), 1U);
}

TEST(RespParser, TellsHowManyBytesAWordStillWants) {
  RespParser parser;
  RespParser::Words words;
  const std::string head = "*2\r\n$3\r\nGET\r\n$1000\r\n";
  EXPECT_EQ(parser.Parse(head, {}, words).state, RespParser::State::kNeedMore);
  EXPECT_EQ(parser.bytes_wanted(), head.size() + 1000 + 2);
}

TEST(RespParser, ReadsFromTheStartOfARequestOnceItIsRewound) {
  const std::string whole = Multibulk({"GET", "a"});
  for (const std::string_view before : {"*3\r\n$3\r\nSET\r\n$1", "*1\r\n:1\r\n", "PIN"}) {
    RespParser parser;
    RespParser::Words words;
    parser.Parse(before, {}, words);
    parser.Rewind();
    EXPECT_EQ(parser.error(), "");
    EXPECT_EQ(parser.bytes_wanted(), 0U);
    const auto result = parser.Parse(whole, {}, words);
    EXPECT_EQ(result.state, RespParser::State::kComplete);
    EXPECT_EQ(result.consumed, whole.size());
    EXPECT_EQ(words.size(), 2U);
  }
}

TEST(RespParser, StaysMalformedWhateverFollows) {
  RespParser parser;
  RespParser::Words words;
  EXPECT_EQ(parser.Parse("*x\r\n", {}, words).state, RespParser::State::kMalformed);
  EXPECT_EQ(parser.Parse("*1\r\n$4\r\nPING\r\n", {}, words).state, RespParser::State::kMalformed);
  EXPECT_EQ(parser.error(), "Protocol error: invalid multibulk length");
  EXPECT_TRUE(words.empty());
}

TEST(RespParser, LeavesWordsWhereTheyLie) {
  RespParser parser;
  RespParser::Words words;
  const std::string request = Multibulk({"GET", "a"});
  ASSERT_EQ(parser.Parse(request, {}, words).state, RespParser::State::kComplete);
  EXPECT_EQ(words[0].data(), request.data() + 8);
}

TEST(RespParser, AllocatesNothingWhileWordsFit) {
  RespParser parser;
  RespParser::Words words;
  const std::string request = Multibulk({"RESERVE", "mask", "ord-1", "2", "FINAL"});
  const std::string line = "SET key 'a value that needs its own place, being quoted'\r\n";
  const std::string_view cut = std::string_view(request).substr(0, request.size() / 2);
  ASSERT_EQ(parser.Parse(cut, {}, words).state, RespParser::State::kNeedMore);
  ASSERT_EQ(parser.Parse(request, {}, words).state, RespParser::State::kComplete);
  ASSERT_EQ(parser.Parse(line, {}, words).state, RespParser::State::kComplete);

  const size_t before = AllocationCount();
  for (int i = 0; i < 100; ++i) {
    words.clear();
    ASSERT_EQ(parser.Parse(cut, {}, words).state, RespParser::State::kNeedMore);
    ASSERT_EQ(parser.Parse(request, {}, words).state, RespParser::State::kComplete);
    ASSERT_EQ(parser.Parse(line, {}, words).state, RespParser::State::kComplete);
  }
  EXPECT_EQ(AllocationCount(), before);
}

TEST(RespParser, AllocatesNothingOnTheStrengthOfALength) {
  RespParser parser;
  RespParser::Words words;
  const size_t before = AllocatedBytes();
  ASSERT_EQ(parser.Parse("*1048576\r\n$67108864\r\nx", {}, words).state,
            RespParser::State::kNeedMore);
  EXPECT_LT(AllocatedBytes() - before, 8U * 1024);
}

TEST(RespParser, GivesBackTheMemoryOfAHugeRequest) {
  RespParser parser;
  RespParser::Words words;
  const std::string huge = Multibulk(Request(10'000, "x"));
  const std::string_view cut = std::string_view(huge).substr(0, huge.size() - 1);
  words.reserve(10'000);
  const auto bytes_allocated_for_huge = [&] {
    const size_t before = AllocatedBytes();
    words.clear();
    EXPECT_EQ(parser.Parse(cut, {}, words).state, RespParser::State::kNeedMore);
    EXPECT_EQ(parser.Parse(huge, {}, words).state, RespParser::State::kComplete);
    return AllocatedBytes() - before;
  };
  const size_t at_first = bytes_allocated_for_huge();
  EXPECT_GT(at_first, 0U);
  EXPECT_EQ(bytes_allocated_for_huge(), at_first);  // nothing of it was left to use again
}

// A word of 64 MiB in reads of 16 KiB: 4096 looks at it. Were its bytes looked at in each, this
// test would take minutes.
TEST(RespParser, LooksAtTheBytesOfALargeWordOnlyOnce) {
  constexpr size_t kReadBytes = 16 * 1024;
  const std::string request = Multibulk({"SET", "k", std::string(64 * 1024 * 1024, 'v')});
  RespParser parser;
  RespParser::Words words;
  const std::string_view bytes = request;
  for (size_t size = kReadBytes; size < bytes.size(); size += kReadBytes) {
    ASSERT_EQ(parser.Parse(bytes.substr(0, size), {}, words).state, RespParser::State::kNeedMore);
  }
  ASSERT_EQ(parser.Parse(bytes, {}, words).state, RespParser::State::kComplete);
  EXPECT_EQ(words[2].size(), 64U * 1024 * 1024);
}

// As above for many words: what was read stays read although the buffer moves.
TEST(RespParser, ReadsEachOfManyWordsOnlyOnce) {
  const Request words(200'000, "w");
  const std::string request = Multibulk(words);
  PieceReader reader({});
  for (size_t at = 0; at < request.size(); at += 16 * 1024) {
    reader.Read(std::string_view(request).substr(at, 16 * 1024));
  }
  ASSERT_EQ(reader.conversation().requests.size(), 1U);
  EXPECT_EQ(reader.conversation().requests[0], words);
}

}  // namespace
}  // namespace holdfast
