#include "storage/opening.h"

#include <gtest/gtest.h>

#include "storage/core/keyspace.h"
#include "storage/sealed_row.h"
#include "storage/trimmed_epochs.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

Group Three() {
  return {.primary = TestNode('a'),
          .sync_set = {{.id = TestNode('a'), .address = "10.0.0.1:6379"},
                       {.id = TestNode('b'), .address = "[fd00::2]:6379"},
                       {.id = TestNode('c'), .address = ""}},
          .version = 12};
}

Opening AnOpening() { return {.epoch = 9, .before = {7, 1234}, .group = Three()}; }

MutationView MutationOf(const std::string& batch) {
  ByteReader reader(batch);
  MutationView view{};
  EXPECT_TRUE(NextMutation(reader, view));
  return view;
}

TEST(Opening, SaysWhatWasWritten) {
  for (const Opening& written : {AnOpening(), Opening{.epoch = 1}}) {
    const std::string batch = EncodeOpening(written);
    EXPECT_TRUE(IsOpening(batch));
    Opening opening;
    ASSERT_TRUE(DecodeOpening(batch, opening).ok());
    EXPECT_EQ(opening, written);
  }
  EXPECT_FALSE(IsOpening(Mutations("a")));
  EXPECT_FALSE(IsOpening(""));
}

TEST(Opening, WhatIsNoneIsRefused) {
  const std::string whole = EncodeOpening(AnOpening());
  Opening opening;
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(DecodeOpening(whole.substr(0, length), opening).code(), Status::Code::kDamaged);
  }
  EXPECT_FALSE(DecodeOpening(whole + whole, opening).ok()) << "two";
  EXPECT_FALSE(DecodeOpening(Mutations("a"), opening).ok()) << "another kind";
  EXPECT_FALSE(DecodeOpening(EncodeOpening({.epoch = 7, .before = {7, 9}}), opening).ok())
      << "no step up";
  for (const size_t of_place : {size_t{1}, size_t{2}, size_t{3}}) {
    std::string moved = whole;
    moved[of_place] = 1;
    EXPECT_FALSE(DecodeOpening(moved, opening).ok()) << "byte " << of_place;
  }
  // As many members as two bytes can claim.
  std::string claims = EncodeOpening({.epoch = 1});
  claims[claims.size() - 1] = claims[claims.size() - 2] = '\xff';
  EXPECT_FALSE(DecodeOpening(claims, opening).ok());
}

TEST(Opening, LeavesTheKeyspaceAsItIs) {
  Keyspace keys(HashSeed{1}, 0, kSlots - 1);
  const std::string batch = EncodeOpening(AnOpening());
  EXPECT_TRUE(keys.ApplyView(MutationOf(batch)));
  EXPECT_EQ(keys.KeyCount(0), 0U);
  MutationView torn = MutationOf(batch);
  torn.body.remove_suffix(1);
  EXPECT_FALSE(keys.ApplyView(torn)) << "but must be one";
}

// ---- the row that keeps what was trimmed

Epochs SomeEpochs() {
  Epochs epochs;
  epochs.Begin({.epoch = 2, .first = 5, .group = Three()});
  epochs.Begin({.epoch = 3, .first = 6});
  epochs.Begin({.epoch = 9, .first = 1000, .group = Three()});
  return epochs;
}

TEST(TrimmedEpochs, SayWhatWasWritten) {
  for (const Epochs& written : {SomeEpochs(), Epochs()}) {
    Epochs epochs;
    ASSERT_TRUE(DecodeTrimmedEpochs(EncodeTrimmedEpochs(written), epochs).ok());
    EXPECT_EQ(epochs, written);
  }
}

TEST(TrimmedEpochs, EveryFlippedBitAndEveryOtherLengthShows) {
  const std::string row = EncodeTrimmedEpochs(SomeEpochs());
  Epochs epochs;
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string bad = row;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeTrimmedEpochs(bad, epochs).code(), Status::Code::kDamaged) << "bit " << bit;
  }
  for (size_t length = 0; length < row.size(); ++length) {
    EXPECT_FALSE(DecodeTrimmedEpochs(row.substr(0, length), epochs).ok());
  }
  EXPECT_EQ(epochs, Epochs()) << "nothing is told of a bad one";
}

TEST(TrimmedEpochs, OnesThatDoNotRiseAreRefusedEvenWithTheirHash) {
  const auto row = [](Index first, Epoch epoch) {
    std::string body;
    AppendInt<uint32_t>(body, 2);
    AppendInt<Index>(body, 5);
    AppendWord(body, EncodeOpening({.epoch = 5}));
    AppendInt(body, first);
    AppendWord(body, EncodeOpening({.epoch = epoch}));
    return SealRow("HFE1", body);
  };
  Epochs epochs;
  EXPECT_TRUE(DecodeTrimmedEpochs(row(6, 6), epochs).ok());
  EXPECT_FALSE(DecodeTrimmedEpochs(row(5, 6), epochs).ok());
  EXPECT_FALSE(DecodeTrimmedEpochs(row(6, 5), epochs).ok());
  std::string lies;
  AppendInt<uint32_t>(lies, 4'000'000'000);
  EXPECT_FALSE(DecodeTrimmedEpochs(SealRow("HFE1", lies), epochs).ok());
}

}  // namespace
}  // namespace holdfast
