#include "protocol/resp_value.h"

#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using State = ReplyRead::State;

// Every kind of reply, RESP2 and RESP3.
const std::string kReplies[] = {
    "+OK\r\n",
    "+\r\n",
    "-NOSKU no such SKU\r\n",
    ":0\r\n",
    ":-9223372036854775808\r\n",
    "$0\r\n\r\n",
    "$5\r\na\r\nbc\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "*4\r\n+HELD\r\n:2\r\n:1795288322993\r\n:3\r\n",
    "*2\r\n$1\r\n0\r\n*2\r\n*3\r\n+a\r\n:1\r\n$1\r\nx\r\n*0\r\n",
    "_\r\n",
    "#t\r\n",
    "#f\r\n",
    ",1.5e3\r\n",
    ",inf\r\n",
    "(3492890328409238509324850943850943825024385\r\n",
    "!5\r\nERR x\r\n",
    "=6\r\ntxt:hi\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
    "%0\r\n",
    "~2\r\n:1\r\n:2\r\n",
    ">2\r\n+message\r\n+x\r\n",
    "|1\r\n+ttl\r\n:3\r\n*2\r\n:1\r\n|0\r\n:2\r\n",
};

TEST(RespValue, ReadsTheSameHoweverTheBytesAreCut) {
  for (const std::string& reply : kReplies) {
    RespValue value;
    for (size_t cut = 0; cut < reply.size(); ++cut) {
      const std::string_view prefix(reply.data(), cut);
      EXPECT_EQ(value.Read(prefix).state, State::kNeedMore) << reply << " cut at " << cut;
      EXPECT_TRUE(value.empty());
      EXPECT_EQ(ReplyLength(prefix).state, State::kNeedMore) << reply << " cut at " << cut;
    }
    // Bytes of the next reply, even malformed ones, are not this one's business.
    for (const std::string& behind : {std::string(), std::string("+"), std::string("?\r\n")}) {
      const std::string input = reply + behind;
      const ReplyRead read = value.Read(input);
      EXPECT_EQ(read.state, State::kComplete) << reply << ": " << read.problem;
      EXPECT_EQ(read.bytes, reply.size()) << reply;
      EXPECT_EQ(ReplyLength(input).state, State::kComplete);
      EXPECT_EQ(ReplyLength(input).bytes, reply.size());
    }
  }
}

TEST(RespValue, GivesTheOutcomeOfAReserveAsStatusAndNumbers) {
  RespValue value;
  const std::string reply = "*4\r\n+HELD\r\n:2\r\n:1795288322993\r\n:3\r\n";
  ASSERT_EQ(value.Read(reply).state, State::kComplete);
  EXPECT_EQ(value.root().type, RespType::kArray);
  ASSERT_EQ(value.root().size, 4U);
  EXPECT_EQ(value.Child(value.root(), 0)->type, RespType::kString);
  EXPECT_EQ(value.Child(value.root(), 0)->text, "HELD");
  EXPECT_EQ(value.Child(value.root(), 2)->integer, 1795288322993);
  EXPECT_EQ(value.Child(value.root(), 3)->integer, 3);
  EXPECT_EQ(value.Child(value.root(), 4), nullptr);
}

TEST(RespValue, FindsAFieldInARespThreeMapAndInTheFlatArrayOfRespTwo) {
  for (const std::string reply : {"%2\r\n$4\r\nheld\r\n*2\r\n:7\r\n:8\r\n$4\r\nsold\r\n:5\r\n",
                                  "*4\r\n$4\r\nheld\r\n*2\r\n:7\r\n:8\r\n$4\r\nsold\r\n:5\r\n"}) {
    RespValue value;
    ASSERT_EQ(value.Read(reply).state, State::kComplete);
    ASSERT_NE(value.Field(value.root(), "sold"), nullptr);
    EXPECT_EQ(value.Field(value.root(), "sold")->integer, 5);
    EXPECT_EQ(value.Field(value.root(), "lost"), nullptr);
  }
}

TEST(RespValue, WalksOverANestedChildToItsSibling) {
  RespValue value;
  const std::string reply = "*3\r\n*2\r\n*1\r\n:1\r\n:2\r\n*0\r\n:9\r\n";
  ASSERT_EQ(value.Read(reply).state, State::kComplete);
  EXPECT_EQ(value.Child(value.root(), 1)->type, RespType::kArray);
  EXPECT_EQ(value.Child(value.root(), 1)->size, 0U);
  EXPECT_EQ(value.Child(value.root(), 2)->integer, 9);
}

TEST(RespValue, ReadsNullsBooleansErrorsAndVerbatimText) {
  RespValue value;
  const std::string reply =
      "*7\r\n$-1\r\n*-1\r\n_\r\n#t\r\n!5\r\nERR x\r\n=6\r\ntxt:hi\r\n,1.5\r\n";
  ASSERT_EQ(value.Read(reply).state, State::kComplete);
  EXPECT_EQ(value.Child(value.root(), 0)->type, RespType::kNull);
  EXPECT_EQ(value.Child(value.root(), 1)->type, RespType::kNull);
  EXPECT_EQ(value.Child(value.root(), 2)->type, RespType::kNull);
  EXPECT_EQ(value.Child(value.root(), 3)->integer, 1);
  EXPECT_EQ(value.Child(value.root(), 4)->type, RespType::kError);
  EXPECT_EQ(value.Child(value.root(), 4)->text, "ERR x");
  EXPECT_EQ(value.Child(value.root(), 5)->text, "hi");
  EXPECT_EQ(value.Child(value.root(), 6)->text, "1.5");
}

TEST(RespValue, DropsAttributesAndKeepsTheValueTheyDescribe) {
  RespValue value;
  const std::string reply = "*2\r\n:1\r\n|1\r\n+ttl\r\n*1\r\n:3\r\n:2\r\n";
  ASSERT_EQ(value.Read(reply).state, State::kComplete);
  ASSERT_EQ(value.nodes().size(), 3U);
  EXPECT_EQ(value.Child(value.root(), 1)->integer, 2);
}

TEST(RespValue, RefusesWhatIsNoReply) {
  const std::string bad[] = {
      "OK\r\n",       "\r\n",       "+a\nb\r\n", "+a\rb\r\n", ":\r\n",           ":1x\r\n",
      ":01\r\n",      "$-2\r\n",    "$x\r\n",    "$?\r\n",    "*?\r\n",          "%-1\r\n",
      "$3\r\nabcd\r", "$3\r\nabcx", "_x\r\n",    "#x\r\n",    "=3\r\ntxt\r\n",   ",\r\n",
      "*1\r\n?\r\n",  "$+5\r\nabc", "*-5\r\n",   "!-1\r\n",   "=5\r\ntxt5a\r\n", "$ 1\r\na\r\n",
  };
  for (const std::string& input : bad) {
    RespValue value;
    EXPECT_EQ(value.Read(input).state, State::kMalformed) << input;
    EXPECT_FALSE(value.Read(input).problem.empty()) << input;
    EXPECT_EQ(ReplyLength(input).state, State::kMalformed) << input;
  }
}

TEST(RespValue, BoundsEveryLengthBeforeItBelievesIt) {
  const ReplyLimits limits{.bulk_bytes_max = 8, .line_bytes_max = 8, .elements_max = 4};
  EXPECT_EQ(ReplyLength("$8\r\n12345678\r\n", limits).state, State::kComplete);
  EXPECT_EQ(ReplyLength("$9\r\n", limits).state, State::kMalformed);
  EXPECT_EQ(ReplyLength("+12345678\r\n", limits).state, State::kComplete);
  EXPECT_EQ(ReplyLength("+123456789", limits).state, State::kMalformed);
  EXPECT_EQ(ReplyLength("*3\r\n:1\r\n:2\r\n:3\r\n", limits).state, State::kComplete);
  EXPECT_EQ(ReplyLength("*5\r\n", limits).state, State::kMalformed);
  // Nested arrays, each small, count together.
  EXPECT_EQ(ReplyLength("*2\r\n*1\r\n:1\r\n*1\r\n:2\r\n", limits).state, State::kMalformed);
  EXPECT_EQ(ReplyLength("*9223372036854775807\r\n").state, State::kMalformed);
  EXPECT_EQ(ReplyLength("%9223372036854775807\r\n").state, State::kMalformed);
  EXPECT_EQ(ReplyLength("$9223372036854775807\r\n").state, State::kMalformed);
}

TEST(RespValue, BoundsTheDepthOfNesting) {
  std::string nested;
  for (size_t depth = 0; depth < kReplyDepthMax; ++depth) nested += "*1\r\n";
  EXPECT_EQ(ReplyLength(nested + ":1\r\n").state, State::kComplete);
  EXPECT_EQ(ReplyLength("*1\r\n" + nested + ":1\r\n").state, State::kMalformed);
  RespValue value;
  EXPECT_EQ(value.Read(nested + ":1\r\n").state, State::kComplete);
  EXPECT_EQ(value.Read("*1\r\n" + nested + ":1\r\n").state, State::kMalformed);
}

TEST(RespValue, TellsOneReplyFromTheNextInAPipeline) {
  const std::string input = "+OK\r\n:1\r\n*1\r\n+x\r\n+cut";
  size_t at = 0;
  std::string lengths;
  while (true) {
    const ReplyRead read = ReplyLength(std::string_view(input).substr(at));
    if (read.state != State::kComplete) break;
    lengths += std::to_string(read.bytes) + " ";
    at += read.bytes;
  }
  EXPECT_EQ(lengths, "5 4 8 ");
}

}  // namespace
}  // namespace holdfast
