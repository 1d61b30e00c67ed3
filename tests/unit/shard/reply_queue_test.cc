#include "server/shard/reply_queue.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

class ReplyQueueTest : public testing::Test {
 protected:
  // A local reply that waits for `stamp`.
  void Reply(std::string_view text, TurnStamp stamp) {
    std::string& out = queue_.tail();
    const size_t mark = out.size();
    out += text;
    queue_.Seal(mark, stamp);
  }
  // The turn ends; its changes get `index`.
  void EndTurn(Index index) {
    gate_.Pushed(index);
    queue_.Resolve(gate_);
  }
  std::string Sent() {
    std::string ready(queue_.ready());
    queue_.Consume(ready.size());
    return ready;
  }

  AckGate gate_;
  ReplyQueue queue_;
};

TEST_F(ReplyQueueTest, WhatWaitsForNothingLeavesAtOnce) {
  Reply("a", 0);
  Reply("b", 0);
  EXPECT_EQ(Sent(), "ab");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ReplyQueueTest, AHeldReplyLeavesWhenItsIndexIsAcked) {
  Reply("held", gate_.Current());
  EndTurn(10);
  EXPECT_TRUE(queue_.Release(9));
  EXPECT_EQ(Sent(), "");
  EXPECT_FALSE(queue_.Release(10));
  EXPECT_EQ(Sent(), "held");
}

TEST_F(ReplyQueueTest, NothingOvertakesAHeldReply) {
  Reply("a", 0);
  Reply("B", gate_.Current());
  Reply("c", 0);
  EndTurn(10);
  queue_.Release(9);
  EXPECT_EQ(Sent(), "a");
  queue_.Release(10);
  EXPECT_EQ(Sent(), "Bc");
}

TEST_F(ReplyQueueTest, AReplyFromElsewhereKeepsItsPlace) {
  const auto ticket = queue_.Expect(0);
  Reply("local", 0);
  const auto later = queue_.Expect(0);
  EndTurn(10);
  queue_.Fulfil(later, "third", 0);
  queue_.Release(10);
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(queue_.awaited(), 1);
  queue_.Fulfil(ticket, "first ", 0);
  queue_.Release(10);
  EXPECT_EQ(Sent(), "first localthird");
}

TEST_F(ReplyQueueTest, AReplyFromElsewhereWaitsForItsIndex) {
  const auto ticket = queue_.Expect(0);
  EndTurn(10);
  queue_.Fulfil(ticket, "x", 30);
  EXPECT_EQ(queue_.Resolve(gate_), 30);  // what somebody must ask the log to sync
  EXPECT_TRUE(queue_.Release(29));
  EXPECT_EQ(Sent(), "");
  queue_.Release(30);
  EXPECT_EQ(Sent(), "x");
}

TEST_F(ReplyQueueTest, RepliesOfTwoTurnsLeaveEachWithItsOwn) {
  Reply("one", gate_.Current());
  EndTurn(10);
  Reply("two", gate_.Current());
  EndTurn(20);
  queue_.Release(10);
  EXPECT_EQ(Sent(), "one");
  queue_.Release(20);
  EXPECT_EQ(Sent(), "two");
}

TEST_F(ReplyQueueTest, HowManyRepliesMayBeOwedFollowsTheirSize) {
  const auto owed_until_full = [this] {
    std::vector<ReplyQueue::Ticket> tickets;
    while (queue_.MayAwaitMore()) tickets.push_back(queue_.Expect(0));
    return tickets;
  };
  auto tickets = owed_until_full();
  EXPECT_EQ(tickets.size(), 16);
  for (int round = 0; round < 10; ++round) {
    for (const auto ticket : tickets) queue_.Fulfil(ticket, "+OK\r\n", 0);
    tickets = owed_until_full();
  }
  EXPECT_EQ(tickets.size(), 1024);
  for (const auto ticket : tickets) queue_.Fulfil(ticket, std::string(1 << 20, 'x'), 0);
  EXPECT_EQ(owed_until_full().size(), 4);
}

TEST_F(ReplyQueueTest, EveryByteCountsFromTheMomentItIsWritten) {
  Reply("ab", 0);
  Reply("cde", gate_.Current());
  Reply("f", 0);
  EXPECT_EQ(queue_.bytes(), 6);
  EndTurn(10);
  EXPECT_EQ(queue_.bytes(), 6);
  queue_.Release(10);
  EXPECT_EQ(queue_.bytes(), 6);
  EXPECT_EQ(Sent(), "abcdef");
  EXPECT_EQ(queue_.bytes(), 0);
}

TEST_F(ReplyQueueTest, RequestsInFlightAreBoundedInBytesToo) {
  queue_.Expect(3 << 20);
  EXPECT_TRUE(queue_.MayAwaitMore());
  const auto ticket = queue_.Expect(1 << 20);
  EXPECT_FALSE(queue_.MayAwaitMore());
  queue_.Fulfil(ticket, "+OK\r\n", 0);
  EXPECT_TRUE(queue_.MayAwaitMore());
}

TEST_F(ReplyQueueTest, PartsOfAReplyMayLeaveSeparately) {
  Reply("abcdef", 0);
  queue_.Consume(2);
  EXPECT_EQ(queue_.ready(), "cdef");
  EXPECT_EQ(queue_.bytes(), 4);
  queue_.Consume(4);
  EXPECT_EQ(queue_.bytes(), 0);
}

using Voice = ReplyQueue::Voice;

TEST_F(ReplyQueueTest, WhoWantsNoRepliesGetsNone) {
  Reply("a", 0);
  queue_.SetVoice(Voice::kOff);
  Reply("", 0);  // to CLIENT REPLY OFF
  Reply("b", 0);
  Reply("c", gate_.Current());
  const auto ticket = queue_.Expect(0);
  EndTurn(10);
  queue_.Fulfil(ticket, "d", 7);
  queue_.Release(0);
  queue_.SetVoice(Voice::kOn);
  Reply("ok", 0);  // to CLIENT REPLY ON
  EXPECT_EQ(Sent(), "aok");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST_F(ReplyQueueTest, SkipDropsTheNextReplyOnly) {
  queue_.SetVoice(Voice::kSkipNext);
  Reply("", 0);  // to CLIENT REPLY SKIP
  Reply("a", 0);
  Reply("b", 0);
  EXPECT_EQ(Sent(), "b");
  queue_.SetVoice(Voice::kSkipNext);
  Reply("", 0);
  const auto ticket = queue_.Expect(0);
  Reply("c", 0);
  queue_.Fulfil(ticket, "from elsewhere", 0);
  queue_.Release(0);
  queue_.Resolve(gate_);
  queue_.Release(0);
  EXPECT_EQ(Sent(), "c");
}

TEST_F(ReplyQueueTest, SkippingWhileRepliesAreOffDoesNotBringThemBack) {
  queue_.SetVoice(Voice::kOff);
  Reply("", 0);
  queue_.SetVoice(Voice::kSkipNext);
  Reply("", 0);
  Reply("a", 0);
  Reply("b", 0);
  EXPECT_EQ(Sent(), "");
}

TEST_F(ReplyQueueTest, WhatIsNoReplyKeepsTheOrderAndIsCounted) {
  queue_.Append("1");
  const auto ticket = queue_.Expect(0);
  queue_.Append("22");
  EXPECT_EQ(queue_.bytes(), 3U);
  queue_.Fulfil(ticket, "reply", 0);
  queue_.Resolve(gate_);
  queue_.Release(0);
  EXPECT_EQ(Sent(), "1reply22");
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST_F(ReplyQueueTest, EachReplyThatIsNotReadyIsRefusedByItself) {
  Reply("ready ", 0);
  Reply("held", gate_.Current());
  Reply("held with it", gate_.Current());
  Reply("behind it", 0);
  EndTurn(10);
  const auto ticket = queue_.Expect(100);
  Reply("behind another shard", 0);
  const auto fulfilled = queue_.Expect(100);
  queue_.Fulfil(fulfilled, "from elsewhere", 0);
  queue_.Append("a message");
  queue_.RefuseWaiting("no ");
  EXPECT_EQ(Sent(), "ready no no no no no no ");
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.bytes(), 0);
  EXPECT_EQ(queue_.awaited(), 0);
  EXPECT_GT(ticket, 0);
}

TEST_F(ReplyQueueTest, WhoWantsNoRepliesHearsNoRefusals) {
  Reply("held", gate_.Current());
  queue_.SetVoice(ReplyQueue::Voice::kOff);
  Reply("silent", gate_.Current());
  queue_.Expect(100);
  queue_.RefuseWaiting("no ");
  EXPECT_EQ(Sent(), "no ");
}

}  // namespace
}  // namespace holdfast
