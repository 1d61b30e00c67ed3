#include "server/slow_log.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

SlowEntry Took(int64_t us) {
  return {.at = FromUnixMs(1000), .us = us, .words = {}, .address = {}, .name = {}};
}

TEST(SlowLog, ShowsTheNewestFirstUnderIdsThatGrow) {
  SlowLog log;
  EXPECT_EQ(log.Add(Took(1), 10), 0U);
  EXPECT_EQ(log.Add(Took(2), 10), 1U);
  EXPECT_EQ(log.Add(Took(3), 10), 2U);
  const auto newest = log.Newest(2);
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].us, 3);
  EXPECT_EQ(newest[0].id, 2U);
  EXPECT_EQ(newest[1].us, 2);
  EXPECT_EQ(log.Newest(SIZE_MAX).size(), 3U);
}

TEST(SlowLog, KeepsNoMoreThanItsLength) {
  SlowLog log;
  for (int i = 0; i < 10; ++i) log.Add(Took(i), 4);
  EXPECT_EQ(log.size(), 4U);
  EXPECT_EQ(log.Newest(9).back().us, 6);
  log.Add(Took(10), 2);  // shorter from now on
  EXPECT_EQ(log.size(), 2U);
  log.Add(Took(11), 0);
  EXPECT_EQ(log.size(), 0U);
}

TEST(SlowLog, IdsGoOnAfterAReset) {
  SlowLog log;
  log.Add(Took(1), 4);
  log.Reset();
  EXPECT_EQ(log.size(), 0U);
  EXPECT_EQ(log.Add(Took(2), 4), 1U);
}

TEST(SlowLog, TheClientIsNamedLaterUnlessTheEntryIsGone) {
  SlowLog log;
  const uint64_t first = log.Add(Took(1), 1);
  log.SetClient(first, "1.2.3.4:5", "till");
  EXPECT_EQ(log.Newest(1)[0].address, "1.2.3.4:5");
  EXPECT_EQ(log.Newest(1)[0].name, "till");
  log.Add(Took(2), 1);
  log.SetClient(first, "x", "y");
  EXPECT_EQ(log.Newest(1)[0].address, "");
}

TEST(SlowLogWords, LongLinesAndWordsAreCutAndSaySo) {
  const std::string fits(128, 'a');
  const std::string longer(131, 'b');
  EXPECT_EQ(SlowLogWords(std::vector<std::string_view>{fits, longer}),
            (std::vector<std::string>{fits, std::string(128, 'b') + "... (3 more bytes)"}));
  EXPECT_EQ(SlowLogWords(std::vector<std::string_view>(32, "w")),
            std::vector<std::string>(32, "w"));
  const auto cut = SlowLogWords(std::vector<std::string_view>(40, "w"));
  ASSERT_EQ(cut.size(), 32U);
  EXPECT_EQ(cut[30], "w");
  EXPECT_EQ(cut[31], "... (9 more arguments)");
}

}  // namespace
}  // namespace holdfast
