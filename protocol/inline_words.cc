#include "protocol/inline_words.h"

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

constexpr std::string_view kWhiteSpace =
    " \t\n\v\f\r";  // between words, as isspace() in the C locale
constexpr std::string_view kWordEnds =
    " \t\n\r";  // Redis lets \v and \f into a word once it has begun

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Takes one byte, or one escape, off the front of a "..." part.
char TakeDoubleQuoted(std::string_view& rest) {
  if (rest.size() < 2 || rest[0] != '\\') {
    const char plain = rest[0];
    rest.remove_prefix(1);
    return plain;
  }
  if (rest.size() >= 4 && rest[1] == 'x' && HexValue(rest[2]) >= 0 && HexValue(rest[3]) >= 0) {
    const char byte = static_cast<char>(HexValue(rest[2]) * 16 + HexValue(rest[3]));
    rest.remove_prefix(4);
    return byte;
  }
  const char byte = Escaped(rest[1]);
  rest.remove_prefix(2);
  return byte;
}

char TakeSingleQuoted(std::string_view& rest) {
  const size_t taken = rest.starts_with("\\'") ? 2 : 1;
  const char byte = rest[taken - 1];
  rest.remove_prefix(taken);
  return byte;
}

// `rest` starts at the opening quote; decodes up to the closing one and takes it. False:
// unbalanced.
bool Unquote(std::string_view& rest, std::string& unquoted) {
  const char quote = rest.front();
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != quote) {
    unquoted.push_back(quote == '"' ? TakeDoubleQuoted(rest) : TakeSingleQuoted(rest));
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return rest.empty() || kWhiteSpace.find(rest.front()) != std::string_view::npos;
}

}  // namespace

InlineSplit SplitInlineWords(std::string_view line, size_t words_max, std::string& unquoted,
                             std::vector<std::string_view>& words) {
  std::string_view rest = line;
  while (true) {
    const size_t start = rest.find_first_not_of(kWhiteSpace);
    if (start == std::string_view::npos) return InlineSplit::kSplit;
    if (words.size() == words_max) return InlineSplit::kTooManyWords;
    rest.remove_prefix(start);

    const size_t plain_end = rest.find_first_of(" \t\n\r\"'");
    const std::string_view plain = rest.substr(0, plain_end);
    rest.remove_prefix(plain.size());
    if (rest.empty() || kWordEnds.find(rest.front()) != std::string_view::npos) {
      words.push_back(plain);
      continue;
    }
    // Words of this line already point into `unquoted`, so it must not move: decoding never grows.
    if (unquoted.empty()) unquoted.reserve(line.size());
    const size_t begin = unquoted.size();
    unquoted.append(plain);
    if (!Unquote(rest, unquoted)) return InlineSplit::kUnbalancedQuotes;
    Invariant(unquoted.size() <= line.size());
    words.push_back(std::string_view(unquoted).substr(begin));
  }
}

}  // namespace holdfast
