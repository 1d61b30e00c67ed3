#include "server/replication/state_wire.h"

#include <string>

#include <gtest/gtest.h>

#include "server/replication/wire.h"

namespace holdfast {
namespace {

constexpr Epoch kEpoch = 9;

StateHead HeadOf(uint64_t snapshot) {
  StateHead head;
  head.history.id.bytes.fill('h');
  head.history.hash_seed.value = 77;
  head.history.epoch = kEpoch;
  NodeId primary;
  primary.bytes.fill('p');
  const Group group{.primary = primary, .sync_set = {{primary, "host:1"}}, .version = 2};
  head.epochs.Begin({.epoch = 3, .first = 1, .group = group});
  head.epochs.Begin({.epoch = 7, .first = 40, .group = group});
  head.last = {.epoch = 7, .index = 99};
  if (snapshot > 0) {
    head.mark = {.number = snapshot, .rows = 5, .keys = 60, .bytes = 700};
    head.mark.cuts.fill(100);
  }
  return head;
}

std::string FrameOf(const StateMessage& message) {
  std::string bytes;
  AppendStateFrame(bytes, HeadOf(1).history.id, message);
  FrameReader reader;
  reader.Add(bytes);
  std::string_view frame;
  EXPECT_TRUE(reader.Next(frame).ok());
  return std::string(frame);
}

TEST(StateWire, BringsAHeadWithAndWithoutASnapshot) {
  for (const uint64_t snapshot : {0U, 1U}) {
    const StateHead head = HeadOf(snapshot);
    const std::string frame = FrameOf(StateBegins{.epoch = kEpoch, .head = head});
    ASSERT_TRUE(IsStateFrame(frame));
    StateMessage read;
    ASSERT_TRUE(DecodeStateFrame(frame, read).ok());
    const auto& begins = std::get<StateBegins>(read);
    EXPECT_EQ(begins.epoch, kEpoch);
    EXPECT_EQ(begins.head.history.id, head.history.id);
    EXPECT_EQ(begins.head.history.hash_seed.value, 77U);
    EXPECT_EQ(begins.head.epochs, head.epochs);
    EXPECT_EQ(begins.head.last, head.last);
    EXPECT_EQ(begins.head.mark, head.mark);
  }
}

TEST(StateWire, BringsRowsAndTheEnd) {
  const std::string rows = FrameOf(StateRows{.packed = "rows"});
  StateMessage read;
  ASSERT_TRUE(DecodeStateFrame(rows, read).ok());
  EXPECT_EQ(std::get<StateRows>(read).packed, "rows");
  ASSERT_TRUE(DecodeStateFrame(FrameOf(StateEnds{}), read).ok());
  EXPECT_TRUE(std::holds_alternative<StateEnds>(read));
}

TEST(StateWire, BringsTheAnswers) {
  for (const std::string& after : {std::string(), std::string("\0key\xff", 5)}) {
    const std::string frame = FrameOf(StateWanted{.snapshot = 3, .rows = 4, .after = after});
    ASSERT_TRUE(IsStateFrame(frame));
    StateMessage read;
    ASSERT_TRUE(DecodeStateFrame(frame, read).ok());
    const auto& wanted = std::get<StateWanted>(read);
    EXPECT_EQ(wanted.snapshot, 3U);
    EXPECT_EQ(wanted.rows, 4U);
    EXPECT_EQ(wanted.after, after);
  }
  StateMessage read;
  ASSERT_TRUE(DecodeStateFrame(FrameOf(StateDeclined{.snapshot = 5}), read).ok());
  EXPECT_EQ(std::get<StateDeclined>(read).snapshot, 5U);
}

TEST(StateWire, RefusesAnAnswerThatIsShorterOrLonger) {
  const size_t empty = FrameOf(StateEnds{}).size();
  for (const StateMessage& answer :
       {StateMessage(StateWanted{.snapshot = 1, .rows = 2, .after = "key"}),
        StateMessage(StateDeclined{.snapshot = 1})}) {
    const std::string frame = FrameOf(answer);
    StateMessage read;
    for (size_t size = empty; size < frame.size(); ++size) {
      EXPECT_FALSE(DecodeStateFrame(frame.substr(0, size), read).ok()) << size;
    }
    EXPECT_FALSE(DecodeStateFrame(frame + 'x', read).ok());
  }
  std::string huge = FrameOf(StateWanted{.snapshot = 1, .rows = 2, .after = "key"});
  huge[huge.size() - 4] = '\xff';  // the word's length
  StateMessage read;
  EXPECT_FALSE(DecodeStateFrame(huge, read).ok());
}

TEST(StateWire, IsNoOtherMessage) {
  std::string bytes;
  AppendFrame(bytes, {.history = HeadOf(0).history.id, .body = Stored{}});
  FrameReader reader;
  reader.Add(bytes);
  std::string_view frame;
  ASSERT_TRUE(reader.Next(frame).ok());
  EXPECT_FALSE(IsStateFrame(frame));
  ReplicationMessage message;
  EXPECT_FALSE(DecodeFrame(FrameOf(StateEnds{}), message).ok());
}

TEST(StateWire, RefusesWhatIsShorterOrLongerThanAHead) {
  const std::string frame = FrameOf(StateBegins{.epoch = kEpoch, .head = HeadOf(1)});
  StateMessage read;
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(size > 0 && DecodeStateFrame(frame.substr(0, size), read).ok() &&
                 std::holds_alternative<StateBegins>(read))
        << size;
  }
  EXPECT_FALSE(DecodeStateFrame(frame + 'x', read).ok());
  EXPECT_FALSE(DecodeStateFrame(FrameOf(StateEnds{}) + 'x', read).ok());
}

TEST(StateWire, RefusesWhatIsShorterThanKindAndHistory) {
  for (const StateMessage& message : {StateMessage(StateRows{}), StateMessage(StateEnds{}),
                                      StateMessage(StateDeclined{.snapshot = 1})}) {
    const std::string frame = FrameOf(message);
    StateMessage read;
    for (size_t size = 1; size <= sizeof(HistoryId); ++size) {
      EXPECT_FALSE(DecodeStateFrame(frame.substr(0, size), read).ok()) << size;
    }
  }
}

TEST(StateWire, RefusesAHeadThatContradictsItself) {
  StateMessage read;
  StateHead elsewhere = HeadOf(1);
  elsewhere.last.epoch = 3;  // index 99 is of epoch 7
  EXPECT_FALSE(
      DecodeStateFrame(FrameOf(StateBegins{.epoch = kEpoch, .head = elsewhere}), read).ok());
  EXPECT_FALSE(DecodeStateFrame(FrameOf(StateBegins{.epoch = 6, .head = HeadOf(1)}), read).ok());
  StateHead other = HeadOf(1);
  other.history.id.bytes.fill('x');
  EXPECT_FALSE(DecodeStateFrame(FrameOf(StateBegins{.epoch = kEpoch, .head = other}), read).ok());
}

}  // namespace
}  // namespace holdfast
