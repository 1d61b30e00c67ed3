#include "server/name_counts.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(NameCounts, ANameCountsOnceHoweverManyHoldIt) {
  NameCounts names;
  names.Add("news");
  names.Add("news");
  names.Add("");
  EXPECT_EQ(names.distinct(), 2);
  names.Remove("news");
  EXPECT_EQ(names.distinct(), 2);
  names.Remove("news");
  names.Remove("");
  EXPECT_EQ(names.distinct(), 0);
}

}  // namespace
}  // namespace holdfast
