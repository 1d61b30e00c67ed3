#include "server/replication/hello.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

LinkHello SomeHello() {
  LinkHello hello{.reads = 3, .writes = 2, .announced = {.host = "10.0.0.2", .port = 6379}};
  hello.node.bytes.fill('n');
  return hello;
}

Status DecodeRequest(const std::vector<std::string>& words, LinkHello& out) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  return DecodeLinkRequest(views, out);
}

TEST(LinkHello, ARequestComesAsItWasSent) {
  LinkHello decoded;
  ASSERT_TRUE(DecodeRequest(EncodeLinkRequest(SomeHello()), decoded).ok());
  EXPECT_EQ(decoded, SomeHello());
}

TEST(LinkHello, AnAnswerComesAsItWasSentWithoutAnAddress) {
  LinkHello decoded;
  ASSERT_TRUE(DecodeLinkAnswer(EncodeLinkAnswer(SomeHello()), decoded).ok());
  LinkHello sent = SomeHello();
  sent.announced = {};
  EXPECT_EQ(decoded, sent);
}

TEST(LinkHello, AnotherVersionIsNamedWhateverElseItSays) {
  LinkHello decoded;
  for (const std::string rest : {"", " x", " 1 1 00 h 1 more"}) {
    const Status status = DecodeLinkAnswer("+LINK 99" + rest, decoded);
    EXPECT_EQ(status.code(), Status::Code::kInvalid) << rest;
    EXPECT_NE(status.text().find("not 99"), std::string::npos) << status.text();
  }
}

TEST(LinkHello, WhatIsNoneIsRefused) {
  const std::vector<std::string> good = EncodeLinkRequest(SomeHello());
  LinkHello decoded;
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(
        DecodeRequest({good.begin(), good.begin() + static_cast<long>(size)}, decoded).ok());
  }
  for (const auto& [place, word] : std::vector<std::pair<size_t, std::string>>{
           {1, "x"}, {2, "0"}, {2, "-1"}, {3, "0"}, {3, ""}, {4, "00"}, {6, "65536"}, {6, "-1"}}) {
    std::vector<std::string> words = good;
    words[place] = word;
    EXPECT_FALSE(DecodeRequest(words, decoded).ok()) << place << " " << word;
  }
  for (const std::string line : {"", "+", "+OK", "+LINK", "+LINK ", "+LINK 3  1 1 00"}) {
    EXPECT_FALSE(DecodeLinkAnswer(line, decoded).ok()) << line;
  }
}

TEST(LinkHello, NodesLinkIfEachReadsWhatTheOtherMayWrite) {
  const LinkHello before{.reads = 1, .writes = 1};
  const LinkHello upgraded{.reads = 2, .writes = 1};
  const LinkHello raised{.reads = 2, .writes = 2};
  EXPECT_TRUE(CanLink(before, upgraded).ok());
  EXPECT_TRUE(CanLink(upgraded, before).ok());
  EXPECT_TRUE(CanLink(upgraded, raised).ok());
  EXPECT_TRUE(CanLink(raised, upgraded).ok());
  EXPECT_FALSE(CanLink(before, raised).ok());
  EXPECT_FALSE(CanLink(raised, before).ok());
}

}  // namespace
}  // namespace holdfast
