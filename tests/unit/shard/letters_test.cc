#include "server/shard/letters.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Letters, RequestsComeOutAsTheyWentIn) {
  std::string bytes;
  const std::string_view first[] = {"GET", "k"};
  const std::string_view second[] = {"SET", "", std::string_view("a\0b", 3)};
  AppendRequest(bytes,
                {.from = {.client = 7, .ticket = 1, .part = kWholeReply, .shard = 2},
                 .command = nullptr,
                 .db = 3,
                 .resp_version = 2},
                first);
  AppendRequest(bytes,
                {.from = {.client = 8, .ticket = 2, .part = 5, .shard = 0},
                 .command = nullptr,
                 .db = 0,
                 .resp_version = 3},
                second);
  std::string_view rest = bytes;
  std::vector<std::string_view> words;
  const RequestHeader one = TakeRequest(rest, words);
  EXPECT_EQ(one.from.client, 7);
  EXPECT_EQ(one.from.shard, 2);
  EXPECT_EQ(one.db, 3);
  ASSERT_EQ(words.size(), 2);
  EXPECT_EQ(words[1], "k");
  const RequestHeader two = TakeRequest(rest, words);
  EXPECT_EQ(two.from.part, 5);
  EXPECT_EQ(two.resp_version, 3);
  ASSERT_EQ(words.size(), 3);
  EXPECT_EQ(words[1], "");
  EXPECT_EQ(words[2], std::string_view("a\0b", 3));
  EXPECT_TRUE(rest.empty());
}

TEST(Letters, AResponseCarriesAnIndexOnceTheTurnIsPushed) {
  AckGate gate;
  std::string bytes;
  AppendResponse(bytes, {.to = {}, .gate = gate.Current()}, "+OK\r\n");
  AppendResponse(bytes, {.to = {}, .gate = 0}, ":1\r\n");
  gate.Pushed(42);
  ResolveResponses(bytes, gate);
  std::string_view rest = bytes;
  std::string_view reply;
  EXPECT_EQ(TakeResponse(rest, reply).gate, 42);
  EXPECT_EQ(reply, "+OK\r\n");
  EXPECT_EQ(TakeResponse(rest, reply).gate, 0);
  EXPECT_EQ(reply, ":1\r\n");
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace holdfast
