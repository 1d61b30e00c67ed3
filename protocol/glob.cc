#include "protocol/glob.h"

#include <algorithm>
#include <bitset>

#include "protocol/words.h"

namespace holdfast {
namespace {

bool IsEscape(std::string_view pattern, size_t at) {
  return pattern[at] == '\\' && at + 1 < pattern.size();
}

}  // namespace

GlobPattern::GlobPattern(std::string_view pattern, GlobCase glob_case)
    : ignore_case_(glob_case == GlobCase::kIgnore),
      stars_(pattern.size() / kWordBits + 1),  // there are no more elements than bytes
      any_(stars_.size()),
      takes_(stars_.size() * kBytes),
      reached_(stars_.size()) {
  for (size_t at = 0; at < pattern.size();) {
    switch (pattern[at]) {
      case '*':
        Set(stars_, last_);
        ++at;
        break;
      case '?':
        Set(any_, ++last_);
        ++at;
        break;
      case '[':
        at = AddSet(pattern, at + 1);
        break;
      default:
        at = AddLiteral(pattern, at);
    }
  }
}

unsigned char GlobPattern::Fold(char c) const {
  return static_cast<unsigned char>(ignore_case_ ? LowerCase(c) : c);
}

void GlobPattern::Take(unsigned char byte) {
  takes_[byte * stars_.size() + last_ / kWordBits] |= uint64_t{1} << last_ % kWordBits;
}

size_t GlobPattern::AddLiteral(std::string_view pattern, size_t at) {
  if (IsEscape(pattern, at)) ++at;
  ++last_;
  Take(Fold(pattern[at]));
  return at + 1;
}

size_t GlobPattern::AddSet(std::string_view pattern, size_t at) {
  std::bitset<kBytes> bytes;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    if (IsEscape(pattern, at)) {
      bytes.set(Fold(pattern[++at]));
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax({Fold(pattern[at]), Fold(pattern[at + 2])});
      for (size_t byte = low; byte <= high; ++byte) bytes.set(byte);
      at += 2;
    } else {
      bytes.set(Fold(pattern[at]));
    }
  }
  if (negated) bytes.flip();
  ++last_;
  for (size_t byte = 0; byte < kBytes; ++byte) {
    if (bytes[byte]) Take(static_cast<unsigned char>(byte));
  }
  return std::min(at + 1, pattern.size());
}

bool GlobPattern::Matches(std::string_view text) {
  if (text.size() < last_) return false;  // each element takes one byte
  const size_t words = stars_.size();
  std::fill(reached_.begin(), reached_.end(), 0);
  reached_[0] = 1;
  // Only words in [first, last] have bits that count: those before were dropped for a later star.
  size_t first = 0;
  size_t last = 0;
  for (const char c : text) {
    const uint64_t* const takes = &takes_[Fold(c) * words];
    const size_t end = std::min(last + 1, words - 1);
    size_t star = first;
    bool alive = false;
    uint64_t carry = 0;
    for (size_t at = first; at <= end; ++at) {
      const uint64_t before = reached_[at];
      const uint64_t moved = before << 1 | carry;
      carry = before >> (kWordBits - 1);
      reached_[at] = (moved & (takes[at] | any_[at])) | (before & stars_[at]);
      if (reached_[at] == 0) continue;
      alive = true;
      last = at;
      if ((reached_[at] & stars_[at]) != 0) star = at;
    }
    if (!alive) return false;
    first = star;
    if (IsSet(reached_, last_) && IsSet(stars_, last_)) return true;
  }
  return IsSet(reached_, last_);
}

bool GlobMatch(std::string_view pattern, std::string_view text, GlobCase glob_case) {
  return GlobPattern(pattern, glob_case).Matches(text);
}

}  // namespace holdfast
