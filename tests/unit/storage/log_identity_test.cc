#include "storage/log_identity.h"

#include <gtest/gtest.h>

#include "storage/base/invariant.h"
#include "storage/database.h"
#include "storage/trimmed_epochs.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

// What a start finds that begins with this batch, though the row was written for a later one.
Epochs RowFor(Database& database, Index first) {
  std::string row;
  Epochs epochs;
  EXPECT_TRUE(database.ReadMeta(kTrimmedEpochsKey, row).ok());
  EXPECT_TRUE(DecodeTrimmedEpochs(row, epochs).ok());
  epochs.CutTo(first - 1);
  return epochs;
}

TEST(LogIdentity, TheBatchInFrontOfTheLogIsKnownWhateverDropACrashPrevents) {
  const TempDir directory;
  std::unique_ptr<Database> database;
  ASSERT_TRUE(Database::Open({.path = directory / "db", .memtable_bytes = 1 << 20}, database).ok());
  LogIdentity identity(*database, directory / "node");
  HistoryId history;
  ASSERT_TRUE(DrawId(history).ok());
  ASSERT_TRUE(identity.Begin(history).ok());
  for (const EpochStart& start : {EpochStart{.epoch = 1, .first = 1},
                                  {.epoch = 2, .first = 16},
                                  {.epoch = 3, .first = 73},
                                  {.epoch = 4, .first = 95}}) {
    identity.NoteEpoch(start);
  }
  // The log begins with each of these in turn; a crash comes before the drop that is to follow.
  Index begins = 1;
  for (const Index first : {Index{16}, Index{73}, Index{90}, Index{95}, Index{99}}) {
    ASSERT_TRUE(identity.KeepEpochsBelow(first).ok());
    const Epochs found = RowFor(*database, begins);
    const Epoch in_front = begins == 1 ? 0 : begins <= 16 ? 1 : begins <= 73 ? 2 : 3;
    EXPECT_EQ(found.At(begins - 1), in_front) << begins;
    begins = first;
  }
}

}  // namespace
}  // namespace holdfast
