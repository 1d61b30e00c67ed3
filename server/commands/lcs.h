// The longest common subsequence of two strings, and where it lies in them.
//
// Pure: the command is in server/commands/string_groups.cc.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace holdfast {

// Equal bytes in a row: a[in_a, in_a + size) and b[in_b, in_b + size).
struct CommonRun {
  size_t in_a;
  size_t in_b;
  size_t size;
  bool operator==(const CommonRun&) const = default;
};

// Whether Redis would compare strings of these sizes: its table of four bytes for each pair of
// prefixes may be as large as the longest word (`bytes_max`). Ours takes a bit for each, in words
// of 64, so never more than that; the bound on time is the same.
bool MayCompare(size_t a_size, size_t b_size, size_t bytes_max);

size_t CommonLength(std::string_view a, std::string_view b);
// Of all longest ones that one that Redis finds, which walks from the ends and prefers to step back
// in b. The last run comes first; two runs that touch in both strings are one.
std::vector<CommonRun> CommonRuns(std::string_view a, std::string_view b);

}  // namespace holdfast
