#include "protocol/glob.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "protocol/words.h"

namespace holdfast {
namespace {

class Matcher {
 public:
  Matcher(std::string_view pattern, GlobCase glob_case)
      : pattern_(pattern), ignore_case_(glob_case == GlobCase::kIgnore) {}

  // Matches one byte against the element at pattern[at], which is no *; moves `at` behind the
  // element only on success.
  bool TakesByte(char byte, size_t& at) const {
    switch (pattern_[at]) {
      case '?':
        ++at;
        return true;
      case '[':
        return SetTakes(byte, at);
      default:
        return LiteralTakes(byte, at);
    }
  }

 private:
  unsigned char Fold(char c) const {
    return static_cast<unsigned char>(ignore_case_ ? LowerCase(c) : c);
  }

  bool LiteralTakes(char byte, size_t& at) const {
    const size_t literal = EscapedAt(at) ? at + 1 : at;
    if (Fold(pattern_[literal]) != Fold(byte)) return false;
    at = literal + 1;
    return true;
  }

  bool EscapedAt(size_t at) const { return pattern_[at] == '\\' && at + 1 < pattern_.size(); }

  bool SetTakes(char byte, size_t& at) const {
    size_t i = at + 1;
    const bool negated = i < pattern_.size() && pattern_[i] == '^';
    if (negated) ++i;
    bool found = false;
    for (; i < pattern_.size() && pattern_[i] != ']'; ++i) {
      if (EscapedAt(i)) {
        ++i;
        found |= Fold(pattern_[i]) == Fold(byte);
      } else if (i + 2 < pattern_.size() && pattern_[i + 1] == '-') {
        const auto [low, high] = std::minmax({Fold(pattern_[i]), Fold(pattern_[i + 2])});
        found |= low <= Fold(byte) && Fold(byte) <= high;
        i += 2;
      } else {
        found |= Fold(pattern_[i]) == Fold(byte);
      }
    }
    if (found == negated) return false;
    at = std::min(i + 1, pattern_.size());
    return true;
  }

  std::string_view pattern_;
  bool ignore_case_;
};

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view text, GlobCase glob_case) {
  const Matcher matcher(pattern, glob_case);
  size_t at = 0;
  size_t read = 0;
  // Where to resume at a mismatch: behind the last *, which then takes one byte more.
  size_t star_at = std::string_view::npos;
  size_t star_read = 0;
  while (read < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star_at = ++at;
      star_read = read;
      if (star_at == pattern.size()) return true;
    } else if (at < pattern.size() && matcher.TakesByte(text[read], at)) {
      ++read;
    } else if (star_at != std::string_view::npos) {
      at = star_at;
      read = ++star_read;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace holdfast
