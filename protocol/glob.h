// Patterns of KEYS, SCAN MATCH and CONFIG GET, as Redis reads them:
//
//   *        any bytes, also none          [abc]  [^abc]  [a-z]   one byte of (not of) a set
//   ?        any one byte                  \c                     c itself, in a set too
//
// A set that is not closed ends with the pattern; a lone \ at the end stands for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast {

enum class GlobCase : uint8_t { kExact, kIgnore };

// Longer ones a command should refuse: a pattern made ready takes 32 times its bytes.
inline constexpr size_t kGlobBytesMax = 65536;

// The work (GlobPattern::CostOn) on one text above which a command should let it pass as no match:
// some ten milliseconds, which only names of a megabyte under patterns of many KiB reach.
inline constexpr size_t kGlobWorkMax = size_t{1} << 26;

// A pattern made ready to be held against many texts. Unlike Redis, the empty text matches a
// pattern of only *, as it should.
//
// An automaton run in parallel, one bit for each place between the pattern's elements (the stars
// left out): the bit is set while the pattern up to there matches the text read so far. A byte
// moves each bit on to the next place if the element between takes the byte; a place with a star
// keeps its bit. Of two stars reached only the later one counts, for whatever it could do for the
// rest the later can do too: all bits below it are dropped. So a text costs its length times a 64th
// of the longest stretch between two stars, whatever the pattern.
//
//   m a s k * : ? [12]          a byte ':'        moved = bits << 1
//   0 1 2 3 4   5 6    7        bits' = (moved & takes[':']) | (bits & stars)
//           '- star
class GlobPattern {
 public:
  explicit GlobPattern(std::string_view pattern, GlobCase glob_case = GlobCase::kExact);

  // Not const for its scratch memory only.
  bool Matches(std::string_view text);
  // Only stars: everything matches.
  bool MatchesAll() const { return last_ == 0 && IsSet(stars_, 0); }
  // A bound on the work of Matches, in words of bits.
  size_t CostOn(size_t text_bytes) const { return text_bytes * stars_.size() + 1; }

 private:
  using Bits = std::vector<uint64_t>;
  static constexpr size_t kWordBits = 64;
  static constexpr size_t kBytes = 256;

  static void Set(Bits& bits, size_t at) { bits[at / kWordBits] |= uint64_t{1} << at % kWordBits; }
  static bool IsSet(const Bits& bits, size_t at) {
    return (bits[at / kWordBits] >> at % kWordBits & 1) != 0;
  }
  unsigned char Fold(char c) const;

  // Each reads one element that ends at or before the pattern's end, and returns where it ends.
  size_t AddSet(std::string_view pattern, size_t at);
  size_t AddLiteral(std::string_view pattern, size_t at);
  // The element before place `last_` takes this (folded) byte.
  void Take(unsigned char byte);

  bool ignore_case_;
  size_t last_ = 0;  // the last place: all elements behind it
  Bits stars_;       // places where a star stands
  Bits any_;         // places behind an element that takes every byte
  // For each byte one such row: places behind an element that takes it.
  Bits takes_;
  Bits reached_;
};

// For a pattern that is used once.
bool GlobMatch(std::string_view pattern, std::string_view text,
               GlobCase glob_case = GlobCase::kExact);

}  // namespace holdfast
