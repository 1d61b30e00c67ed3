// An inline request's line, split as Redis splits it:
//
//   line   = words between white space
//   word   = plain bytes, then at most one quoted part, which ends the word:  a b"c d" 'e f'
//   "..."  = \xHH \n \r \t \b \a, any other byte after \ stands for itself
//   '...'  = \' stands for ', everything else for itself
//
// A closing quote is followed by white space or the end of the line. NUL is a byte like any other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

enum class InlineSplit : uint8_t { kSplit, kUnbalancedQuotes, kTooManyWords };

// Appends to `words` (empty before): views into `line`, or into `unquoted` for words with quotes.
InlineSplit SplitInlineWords(std::string_view line, size_t words_max, std::string& unquoted,
                             std::vector<std::string_view>& words);

}  // namespace holdfast
