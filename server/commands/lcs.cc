// With L(i, j) the length for the first i bytes of a and the first j of b, row i is kept as one bit
// for each j: 0 where L(i, j) = L(i, j-1) + 1. The next row follows from it and from where the
// byte a[i] stands in b, 64 columns at a time (Crochemore et al., A fast and practical bit-vector
// algorithm for the longest common subsequence problem, 2001; Hyyrö 2004):
//
//   hits = row & stands_in_b        row' = (row + hits) | (row & ~hits)
//
// Those bits are all that the way back needs. Where a[i-1] and b[j-1] differ, L(i, j) is the larger
// of L(i-1, j) and L(i, j-1): a 0 at (i, j) says that the second is smaller, so the way leads to
// the first; a 1 says that the second is as large.
#include "server/commands/lcs.h"

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>

namespace holdfast {
namespace {

constexpr size_t kBitsPerWord = 64;

size_t WordsFor(size_t bits) { return (bits + kBitsPerWord - 1) / kBitsPerWord; }

// For each byte that a has: where it stands in b.
class Positions {
 public:
  Positions(std::string_view a, std::string_view b) : words_(WordsFor(b.size())) {
    index_.fill(kNone);
    int16_t distinct = 0;
    for (const char byte : a) {
      int16_t& index = index_[static_cast<uint8_t>(byte)];
      if (index == kNone) index = distinct++;
    }
    masks_.resize(static_cast<size_t>(distinct) * words_);
    for (size_t at = 0; at < b.size(); ++at) {
      const int16_t index = index_[static_cast<uint8_t>(b[at])];
      if (index == kNone) continue;
      masks_[static_cast<size_t>(index) * words_ + at / kBitsPerWord] |= uint64_t{1}
                                                                         << (at % kBitsPerWord);
    }
  }

  // Requires: a has that byte.
  std::span<const uint64_t> Of(char byte) const {
    const auto index = static_cast<size_t>(index_[static_cast<uint8_t>(byte)]);
    return std::span(masks_).subspan(index * words_, words_);
  }

 private:
  static constexpr int16_t kNone = -1;

  size_t words_;
  std::array<int16_t, 256> index_;
  std::vector<uint64_t> masks_;
};

void NextRow(std::span<uint64_t> row, std::span<const uint64_t> stands_in_b) {
  bool carry = false;
  for (size_t word = 0; word < row.size(); ++word) {
    const uint64_t hits = row[word] & stands_in_b[word];
    uint64_t sum = 0;
    const bool overflow = __builtin_add_overflow(row[word], hits, &sum);
    carry = __builtin_add_overflow(sum, uint64_t{carry}, &sum) || overflow;
    row[word] = sum | (row[word] & ~hits);
  }
}

// visit(row) after each byte of a; the row behind the last one.
template <typename Visit>
std::vector<uint64_t> WalkRows(std::string_view a, std::string_view b, Visit&& visit) {
  const Positions positions(a, b);
  std::vector<uint64_t> row(WordsFor(b.size()), std::numeric_limits<uint64_t>::max());
  for (const char byte : a) {
    NextRow(row, positions.Of(byte));
    visit(row);
  }
  return row;
}

}  // namespace

bool MayCompare(size_t a_size, size_t b_size, size_t bytes_max) {
  const size_t pairs_max = bytes_max / sizeof(uint32_t);
  return b_size < pairs_max && a_size + 1 <= pairs_max / (b_size + 1);
}

size_t CommonLength(std::string_view a, std::string_view b) {
  size_t length = 0;
  // Bits behind the last column stay ones.
  for (const uint64_t word : WalkRows(a, b, [](std::span<const uint64_t>) {})) {
    length += static_cast<size_t>(std::popcount(~word));
  }
  return length;
}

std::vector<CommonRun> CommonRuns(std::string_view a, std::string_view b) {
  const size_t words = WordsFor(b.size());
  std::vector<uint64_t> rows;
  rows.reserve(a.size() * words);
  WalkRows(a, b,
           [&](std::span<const uint64_t> row) { rows.insert(rows.end(), row.begin(), row.end()); });
  const auto grows_at = [&](size_t i, size_t j) {  // L(i, j) > L(i, j-1)
    const uint64_t word = rows[(i - 1) * words + (j - 1) / kBitsPerWord];
    return (word >> ((j - 1) % kBitsPerWord) & 1) == 0;
  };
  std::vector<CommonRun> runs;
  size_t i = a.size();
  size_t j = b.size();
  while (i > 0 && j > 0) {
    if (a[i - 1] != b[j - 1]) {
      grows_at(i, j) ? --i : --j;
      continue;
    }
    const bool touches = !runs.empty() && runs.back().in_a == i && runs.back().in_b == j;
    if (!touches) runs.push_back({.in_a = i, .in_b = j, .size = 0});
    runs.back() = {.in_a = --i, .in_b = --j, .size = runs.back().size + 1};
  }
  return runs;
}

}  // namespace holdfast
