// Patterns of KEYS, SCAN MATCH and CONFIG GET, as Redis reads them:
//
//   *        any bytes, also none          [abc]  [^abc]  [a-z]   one byte of (not of) a set
//   ?        any one byte                  \c                     c itself, in a set too
//
// A set that is not closed ends with the pattern; a lone \ at the end stands for itself.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

enum class GlobCase : uint8_t { kExact, kIgnore };

// Never recurses: at a mismatch only the last * is tried longer, which suffices since an earlier
// one that took more could only leave less for the rest. At most |pattern| * |text| steps, so a
// command should bound the pattern it accepts. Unlike Redis, the empty text matches a pattern of
// only *, as it should.
bool GlobMatch(std::string_view pattern, std::string_view text,
               GlobCase glob_case = GlobCase::kExact);

}  // namespace holdfast
