#include "server/commands/lcs.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// As Redis does it: a table of all lengths, and the way back through it.
class Table {
 public:
  Table(std::string_view a, std::string_view b)
      : a_(a), b_(b), lengths_((a.size() + 1) * (b.size() + 1)) {
    for (size_t i = 1; i <= a.size(); ++i) {
      for (size_t j = 1; j <= b.size(); ++j) {
        At(i, j) =
            a[i - 1] == b[j - 1] ? At(i - 1, j - 1) + 1 : std::max(At(i - 1, j), At(i, j - 1));
      }
    }
  }

  size_t Length() { return At(a_.size(), b_.size()); }
  // Each byte by itself, from the last one on.
  std::vector<CommonRun> Steps() {
    std::vector<CommonRun> steps;
    for (size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] == b_[j - 1]) {
        --i;
        --j;
        steps.push_back({i, j, 1});
      } else if (At(i - 1, j) > At(i, j - 1)) {
        --i;
      } else {
        --j;
      }
    }
    return steps;
  }

 private:
  size_t& At(size_t i, size_t j) { return lengths_[i * (b_.size() + 1) + j]; }

  std::string_view a_;
  std::string_view b_;
  std::vector<size_t> lengths_;
};

std::vector<CommonRun> StepsOf(const std::vector<CommonRun>& runs) {
  std::vector<CommonRun> steps;
  for (const CommonRun& run : runs) {
    for (size_t i = run.size; i-- > 0;) steps.push_back({run.in_a + i, run.in_b + i, 1});
  }
  return steps;
}

TEST(CommonRuns, AreThoseThatTheWholeTableGives) {
  std::mt19937 random(1);
  for (int round = 0; round < 1'500; ++round) {
    const auto letters = 1 + random() % 6;
    std::string a(random() % 150, '\0');
    std::string b(random() % 300, '\0');
    for (char& byte : a) byte = static_cast<char>('a' + random() % letters);
    for (char& byte : b) byte = static_cast<char>('b' + random() % letters);
    Table table(a, b);
    ASSERT_EQ(CommonLength(a, b), table.Length()) << a << " " << b;
    ASSERT_EQ(StepsOf(CommonRuns(a, b)), table.Steps()) << a << " " << b;
  }
}

TEST(CommonRuns, JoinWhatTouchesInBoth) {
  EXPECT_EQ(CommonRuns("ohmytext", "mynewtext"), (std::vector<CommonRun>{{4, 5, 4}, {2, 0, 2}}));
  EXPECT_EQ(CommonRuns("same", "same"), (std::vector<CommonRun>{{0, 0, 4}}));
  EXPECT_EQ(CommonRuns("ab", "axb"), (std::vector<CommonRun>{{1, 2, 1}, {0, 0, 1}}));
}

TEST(CommonRuns, OfNothingAreNone) {
  EXPECT_EQ(CommonLength("", ""), 0u);
  EXPECT_EQ(CommonLength("abc", ""), 0u);
  EXPECT_TRUE(CommonRuns("", "abc").empty());
  EXPECT_TRUE(CommonRuns("abc", "").empty());
  EXPECT_TRUE(CommonRuns("abc", "xyz").empty());
}

// What a redis-server 7.0 with a proto-max-bulk-len of 1 MiB compares.
TEST(MayCompare, HasTheBoundOfRedis) {
  constexpr size_t kMiB = size_t{1} << 20;
  EXPECT_TRUE(MayCompare(511, 511, kMiB));
  EXPECT_FALSE(MayCompare(512, 511, kMiB));
  EXPECT_FALSE(MayCompare(511, 512, kMiB));
  EXPECT_TRUE(MayCompare(131'071, 1, kMiB));
  EXPECT_FALSE(MayCompare(131'072, 1, kMiB));
  EXPECT_TRUE(MayCompare(262'143, 0, kMiB));
  EXPECT_FALSE(MayCompare(262'144, 0, kMiB));
  EXPECT_TRUE(MayCompare(0, 262'143, kMiB));
  EXPECT_FALSE(MayCompare(0, 262'144, kMiB));
  EXPECT_FALSE(MayCompare(std::numeric_limits<uint32_t>::max(),
                          std::numeric_limits<uint32_t>::max(), 512 * kMiB));
}

}  // namespace
}  // namespace holdfast
