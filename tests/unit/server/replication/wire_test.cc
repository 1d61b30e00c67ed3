#include "server/replication/wire.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/key_mutations.h"
#include "storage/opening.h"

namespace holdfast {
namespace {

template <typename Named>
Id<Named> Filled(char fill) {
  Id<Named> id;
  id.bytes.fill(fill);
  return id;
}
const HistoryId kHistory = Filled<History>('h');
const NodeId kAnn = Filled<NodeOfGroup>('a');
const NodeId kBob = Filled<NodeOfGroup>('b');

std::string Seal(RecordBuilder& builder, Epoch epoch, Index first,
                 const HistoryId& history = kHistory) {
  return std::string(
      builder.Seal({.history = history, .epoch = epoch, .first = first, .acked = first - 1}));
}

// Of so many batches.
std::string RecordOf(Epoch epoch, Index first, int batches, const HistoryId& history = kHistory) {
  std::string mutation;
  AppendMutation(mutation, {.db = 0, .slot = 7, .key = "k"}, KeyDeleted{});
  RecordBuilder builder;
  for (int i = 0; i < batches; ++i) builder.Append({.mutations = mutation});
  return Seal(builder, epoch, first, history);
}

std::string OpeningOf(Epoch epoch, const LogPlace& before) {
  const Group group{.primary = kAnn, .sync_set = {{kAnn, "ann:1"}, {kBob, ""}}, .version = 3};
  const std::string batch = EncodeOpening({.epoch = epoch, .before = before, .group = group});
  RecordBuilder builder;
  builder.Append({.mutations = batch});
  return Seal(builder, epoch, before.index + 1);
}

AppendRecords AppendOf(const LogPlace& previous, const std::vector<std::string>& records) {
  AppendRecords append{.epoch = 9, .previous = previous, .acked = 4, .sent = Uptime{77}};
  for (const std::string& record : records) {
    append.records.push_back({.bytes = std::make_shared<const std::string>(record)});
  }
  return append;
}

std::string FrameOf(ReplicationMessage::Body body) {
  std::string frame;
  AppendFrame(frame, {.history = kHistory, .body = std::move(body)});
  return frame;
}

std::vector<std::string> OneOfEachKind() {
  return {
      FrameOf(AskPromise{.epoch = 3, .last = {2, 40}, .sync_set = {kAnn, kBob}, .takeover = true}),
      FrameOf(PromiseGiven{.epoch = 3}),
      FrameOf(PromiseRefused{.epoch = 3,
                             .why = PromiseRefusal::kTakeover,
                             .promised = {.epoch = 5, .primary = kBob, .leaving = true}}),
      FrameOf(FollowFrom{.last = {2, 40}}),
      FrameOf(AppendOf({2, 40}, {RecordOf(2, 41, 3), OpeningOf(4, {2, 43}), RecordOf(4, 45, 1)})),
      FrameOf(AppendOf({2, 40}, {})),
      FrameOf(Stored{.epoch = 3, .index = 41, .lease_from = Uptime{70}}),
      FrameOf(Outdated{.promised = {.epoch = 5, .primary = kBob}}),
      FrameOf(TakeOver{.epoch = 5, .sent = Uptime{78}}),
  };
}

constexpr std::array<size_t, 9> kKinds = {0, 1, 2, 3, 4, 4, 5, 6, 7};

// The first frame of these bytes, decoded.
Status Read(std::string_view bytes, ReplicationMessage& out) {
  FrameReader reader;
  reader.Add(bytes);
  std::string_view frame;
  if (Status status = reader.Next(frame); !status.ok()) return status;
  if (frame.empty()) return Status::NotFound("no whole frame");
  return DecodeFrame(frame, out);
}

template <typename Body>
Body ReadAs(const std::string& bytes) {
  ReplicationMessage message;
  const Status status = Read(bytes, message);
  EXPECT_TRUE(status.ok()) << status.text();
  EXPECT_EQ(message.history, kHistory);
  return std::get<Body>(std::move(message.body));
}

TEST(ReplicationWire, EveryKindComesAsItWasSent) {
  const std::vector<std::string> frames = OneOfEachKind();
  const auto ask = ReadAs<AskPromise>(frames[0]);
  EXPECT_EQ(ask.epoch, 3U);
  EXPECT_EQ(ask.last, (LogPlace{2, 40}));
  EXPECT_EQ(ask.sync_set, (std::vector{kAnn, kBob}));
  EXPECT_TRUE(ask.takeover);
  EXPECT_EQ(ReadAs<PromiseGiven>(frames[1]).epoch, 3U);
  const auto refused = ReadAs<PromiseRefused>(frames[2]);
  EXPECT_EQ(refused.epoch, 3U);
  EXPECT_EQ(refused.why, PromiseRefusal::kTakeover);
  EXPECT_EQ(refused.promised, (Promise{.epoch = 5, .primary = kBob, .leaving = true}));
  EXPECT_EQ(ReadAs<FollowFrom>(frames[3]).last, (LogPlace{2, 40}));
  const auto stored = ReadAs<Stored>(frames[6]);
  EXPECT_EQ(stored.epoch, 3U);
  EXPECT_EQ(stored.index, 41U);
  EXPECT_EQ(stored.lease_from, Uptime{70});
  EXPECT_EQ(ReadAs<Outdated>(frames[7]).promised, (Promise{.epoch = 5, .primary = kBob}));
  EXPECT_EQ(ReadAs<TakeOver>(frames[8]).epoch, 5U);
  EXPECT_EQ(ReadAs<TakeOver>(frames[8]).sent, Uptime{78});
}

TEST(ReplicationWire, RecordsComeByteForByteWithWhatTheySayOfThemselves) {
  const std::vector<std::string> records = {RecordOf(2, 41, 3), OpeningOf(4, {2, 43})};
  const auto append = ReadAs<AppendRecords>(FrameOf(AppendOf({2, 40}, records)));
  EXPECT_EQ(append.epoch, 9U);
  EXPECT_EQ(append.previous, (LogPlace{2, 40}));
  EXPECT_EQ(append.acked, 4U);
  EXPECT_EQ(append.sent, Uptime{77});
  ASSERT_EQ(append.records.size(), 2U);
  EXPECT_EQ(*append.records[0].bytes, records[0]);
  EXPECT_EQ(append.records[0].epoch, 2U);
  EXPECT_EQ(append.records[0].first, 41U);
  EXPECT_EQ(append.records[0].last, 43U);
  EXPECT_FALSE(append.records[0].opens);
  EXPECT_EQ(*append.records[1].bytes, records[1]);
  ASSERT_TRUE(append.records[1].opens);
  EXPECT_EQ(append.records[1].opens->primary, kAnn);
  EXPECT_TRUE(append.records[1].opens->Has(kBob));
}

TEST(ReplicationWire, HoweverALinkCutsThemFramesComeWhole) {
  std::string bytes;
  for (const std::string& frame : OneOfEachKind()) bytes += frame;
  for (const size_t step : std::array<size_t, 6>{1, 2, 3, 7, 64, 1000}) {
    FrameReader reader;
    size_t frames = 0;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.Add(std::string_view(bytes).substr(at, step));
      for (;;) {
        std::string_view frame;
        ASSERT_TRUE(reader.Next(frame).ok());
        if (frame.empty()) break;
        ReplicationMessage message;
        ASSERT_TRUE(DecodeFrame(frame, message).ok());
        EXPECT_EQ(message.body.index(), kKinds.at(frames++));
      }
    }
    EXPECT_EQ(frames, OneOfEachKind().size()) << "in steps of " << step;
  }
}

TEST(ReplicationWire, EveryFlippedBitIsSeen) {
  for (const std::string& whole : OneOfEachKind()) {
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string bytes = whole;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      ReplicationMessage message;
      EXPECT_FALSE(Read(bytes, message).ok()) << "bit " << bit;
    }
  }
}

TEST(ReplicationWire, AFrameThatClaimsTooMuchIsRefusedBeforeItIsThere) {
  FrameReader reader(1000);
  reader.Add(std::string("\xff\xff\xff\x7f", 4));
  std::string_view frame;
  EXPECT_EQ(reader.Next(frame).code(), Status::Code::kDamaged);
  reader.Add(FrameOf(PromiseGiven{.epoch = 3}));
  EXPECT_EQ(reader.Next(frame).code(), Status::Code::kDamaged) << "and nothing after it is read";
}

// Whoever has the hash right may still say what cannot be.
Status ReadSealed(const AppendRecords& append) {
  ReplicationMessage message;
  return Read(FrameOf(append), message);
}

TEST(ReplicationWire, RecordsThatDoNotFollowOneAnotherAreRefused) {
  EXPECT_TRUE(ReadSealed(AppendOf({2, 40}, {RecordOf(2, 41, 2), RecordOf(2, 43, 1)})).ok());
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {RecordOf(2, 42, 2)})).ok()) << "a gap";
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {RecordOf(2, 41, 2), RecordOf(2, 42, 1)})).ok());
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {RecordOf(1, 41, 1)})).ok()) << "an epoch before";
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {RecordOf(3, 41, 1)})).ok()) << "no opening";
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {OpeningOf(3, {1, 40})})).ok()) << "not behind this";
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {RecordOf(2, 41, 1, Filled<History>('x'))})).ok());
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {"not a record"})).ok());
}

TEST(ReplicationWire, AnEpochOpensOnce) {
  EXPECT_TRUE(ReadSealed(AppendOf({2, 40}, {OpeningOf(3, {2, 40})})).ok());
  EXPECT_FALSE(ReadSealed(AppendOf({2, 40}, {OpeningOf(3, {2, 40}), OpeningOf(3, {2, 41})})).ok());
}

}  // namespace
}  // namespace holdfast
