#include "storage/epochs.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// 1 to 41 by epoch 1, 42 to 97 by epoch 2, from 98 on by epoch 4.
Epochs ThreeEpochs() {
  Epochs epochs;
  epochs.Begin({.epoch = 1, .first = 1});
  epochs.Begin({.epoch = 2, .first = 42});
  epochs.Begin({.epoch = 4, .first = 98});
  return epochs;
}

TEST(Epochs, TellWhoWroteABatchByItsIndex) {
  const Epochs epochs = ThreeEpochs();
  EXPECT_EQ(epochs.At(0), 0U);
  EXPECT_EQ(epochs.At(1), 1U);
  EXPECT_EQ(epochs.At(41), 1U);
  EXPECT_EQ(epochs.At(42), 2U);
  EXPECT_EQ(epochs.At(97), 2U);
  EXPECT_EQ(epochs.At(98), 4U);
  EXPECT_EQ(epochs.last(), 4U);
}

TEST(Epochs, AnEpochEndsWhereTheNextBegins) {
  const Epochs epochs = ThreeEpochs();
  EXPECT_EQ(epochs.EndOf(1, 120), (LogPlace{1, 41}));
  EXPECT_EQ(epochs.EndOf(2, 120), (LogPlace{2, 97}));
  EXPECT_EQ(epochs.EndOf(4, 120), (LogPlace{4, 120}));
}

TEST(Epochs, OfAnEpochThatIsNotThereTheOneBeforeIsMeant) {
  const Epochs epochs = ThreeEpochs();
  EXPECT_EQ(epochs.EndOf(3, 120), (LogPlace{2, 97}));
  EXPECT_EQ(epochs.EndOf(9, 120), (LogPlace{4, 120}));
  EXPECT_EQ(epochs.EndOf(0, 120), (LogPlace{0, 0}));
  EXPECT_EQ(Epochs().EndOf(3, 0), (LogPlace{0, 0}));
}

TEST(Epochs, ACutTakesTheEpochsBehindItAway) {
  Epochs epochs = ThreeEpochs();
  epochs.CutTo(98);
  EXPECT_EQ(epochs.last(), 4U);
  epochs.CutTo(97);
  EXPECT_EQ(epochs.last(), 2U);
  EXPECT_EQ(epochs.EndOf(9, 97), (LogPlace{2, 97}));
  epochs.CutTo(0);
  EXPECT_TRUE(epochs.empty());
  EXPECT_EQ(epochs.last(), 0U);
}

TEST(Epochs, ATrimKeepsTheEpochThatTheLogBeginsIn) {
  Epochs epochs = ThreeEpochs();
  epochs.TrimTo(41);
  EXPECT_EQ(epochs.starts().size(), 3U);
  epochs.TrimTo(60);
  EXPECT_EQ(epochs.At(60), 2U);
  EXPECT_EQ(epochs.At(41), 0U);
  epochs.TrimTo(98);
  EXPECT_EQ(epochs.At(98), 4U);
  EXPECT_EQ(epochs.At(97), 0U);
  EXPECT_EQ(epochs.starts().size(), 1U);
}

TEST(Epochs, TheGroupIsTheLastEpochs) {
  Epochs epochs;
  EXPECT_EQ(epochs.group(), Group());
  NodeId ann;
  ann.bytes[0] = 'a';
  epochs.Begin({.epoch = 1, .first = 1, .group = {.primary = ann, .sync_set = {{ann, "a:1"}}}});
  EXPECT_TRUE(epochs.group().Has(ann));
  EXPECT_FALSE(epochs.group().Has(NodeId()));
}

}  // namespace
}  // namespace holdfast
