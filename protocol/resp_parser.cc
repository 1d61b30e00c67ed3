#include "protocol/resp_parser.h"

#include <algorithm>
#include <cstring>

#include "protocol/inline_words.h"
#include "storage/base/invariant.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// Room for this many words stays with an idle connection (6 KiB), and no more is set aside on the
// strength of a count alone.
constexpr size_t kWordsKept = 256;
constexpr size_t kUnquotedBytesKept = 1024;
constexpr size_t kCrlfBytes = 2;

struct LengthLine {
  enum class State : uint8_t { kRead, kNeedMore, kInvalid, kTooLong };
  State state;
  int64_t value = 0;
  size_t end = 0;  // just behind its CRLF
};

// Everything but a plain short number: negative ones, mistakes, lines not all here yet.
LengthLine ReadOddLengthLine(std::string_view input, size_t at) {
  using enum LengthLine::State;
  const std::string_view line = input.substr(at, kLengthLineBytesMax);
  const size_t cr = line.find('\r');
  if (cr == std::string_view::npos) {
    return {line.size() == kLengthLineBytesMax ? kTooLong : kNeedMore};
  }
  const size_t lf = at + cr + 1;
  if (lf == input.size()) return {kNeedMore};
  const auto value = ParseInt64(line.substr(1, cr - 1));
  if (!value || input[lf] != '\n') return {kInvalid};
  return {kRead, *value, lf + 1};
}

// Reads the number and CRLF behind the marker at input[at].
inline LengthLine ReadLengthLine(std::string_view input, size_t at) {
  constexpr ptrdiff_t kPlainDigitsMax = 10;
  const char* const end = input.data() + input.size();
  const char* const digits = input.data() + at + 1;
  const char* p = digits;
  int64_t value = 0;
  for (; p != end && *p >= '0' && *p <= '9' && p - digits < kPlainDigitsMax; ++p) {
    value = value * 10 + (*p - '0');
  }
  const bool canonical = p - digits == 1 || (p - digits > 1 && *digits != '0');
  if (canonical && end - p >= 2 && p[0] == '\r' && p[1] == '\n') [[likely]] {
    return {LengthLine::State::kRead, value, static_cast<size_t>(p + 2 - input.data())};
  }
  return ReadOddLengthLine(input, at);
}

}  // namespace

RespParser::Result RespParser::Parse(std::string_view input, const ParserLimits& limits) {
  if (!error_.empty()) return {State::kMalformed, 0};
  // Nothing below reads in front of at_: a caller that lost bytes waits for ever, but reads no
  // others.
  if (input.empty() || input.size() < bytes_wanted_)
    return NeedMore(std::max<size_t>(1, bytes_wanted_));
  if (at_ == 0) StartRequest();
  if (input.front() != '*') return ParseInline(input, limits);
  if (Result result{}; at_ == 0 && !ParseCount(input, limits, result)) return result;
  return ParseWords(input, limits);
}

void RespParser::StartRequest() {
  if (slices_.capacity() > kWordsKept) std::vector<Slice>().swap(slices_);
  if (words_.capacity() > kWordsKept) std::vector<std::string_view>().swap(words_);
  if (unquoted_.capacity() > kUnquotedBytesKept) std::string().swap(unquoted_);
  slices_.clear();
  words_.clear();
  unquoted_.clear();
}

RespParser::Result RespParser::ParseInline(std::string_view input, const ParserLimits& limits) {
  const size_t window = std::min(input.size(), kInlineBytesMax + 1);
  const void* const lf = std::memchr(input.data() + at_, '\n', window - at_);
  if (lf == nullptr) {
    if (window > kInlineBytesMax) return Malformed("too big inline request");
    at_ = window;
    return NeedMore(window + 1);
  }
  const auto lf_at = static_cast<size_t>(static_cast<const char*>(lf) - input.data());
  std::string_view line = input.substr(0, lf_at);
  if (line.ends_with('\r')) line.remove_suffix(1);
  switch (SplitInlineWords(line, limits.words_max, unquoted_, words_)) {
    case InlineSplit::kUnbalancedQuotes:
      return Malformed("unbalanced quotes in request");
    case InlineSplit::kTooManyWords:
      return Malformed(limits.authenticated ? "invalid multibulk length"
                                            : "unauthenticated multibulk length");
    case InlineSplit::kSplit:
      break;
  }
  for (const std::string_view word : words_) {
    if (word.size() > limits.word_bytes_max) {
      return Malformed(limits.authenticated ? "invalid bulk length"
                                            : "unauthenticated bulk length");
    }
  }
  return Complete(lf_at + 1);
}

bool RespParser::ParseCount(std::string_view input, const ParserLimits& limits, Result& result) {
  using enum LengthLine::State;
  const LengthLine line = ReadLengthLine(input, 0);
  if (line.state == kNeedMore) {
    result = NeedMore(input.size() + 1);
  } else if (line.state == kTooLong) {
    result = Malformed("too big mbulk count string");
  } else if (line.state == kInvalid || line.value > static_cast<int64_t>(kWordsMax)) {
    result = Malformed("invalid multibulk length");
  } else if (line.value <= 0) {
    result = Complete(line.end);
  } else if (const auto count = static_cast<size_t>(line.value); count > limits.words_max) {
    result = Malformed(limits.authenticated ? "invalid multibulk length"
                                            : "unauthenticated multibulk length");
  } else {
    at_ = line.end;
    words_left_ = count;
    slices_.reserve(std::min(count, kWordsKept));
    return true;
  }
  return false;
}

RespParser::Result RespParser::ParseWords(std::string_view input, const ParserLimits& limits) {
  using enum LengthLine::State;
  for (; words_left_ > 0; --words_left_) {
    if (at_ == input.size()) return NeedMore(at_ + 1);
    if (input[at_] != '$') {
      return Malformed(std::string("expected '$', got '") + input[at_] + '\'');
    }
    const LengthLine line = ReadLengthLine(input, at_);
    if (line.state != kRead) {
      if (line.state == kNeedMore) return NeedMore(input.size() + 1);
      return Malformed(line.state == kTooLong ? "too big bulk count string"
                                              : "invalid bulk length");
    }
    if (line.value < 0 || line.value > static_cast<int64_t>(kRequestBytesCeiling)) {
      return Malformed("invalid bulk length");
    }
    const auto size = static_cast<size_t>(line.value);
    if (size > limits.word_bytes_max) {
      return Malformed(limits.authenticated ? "invalid bulk length"
                                            : "unauthenticated bulk length");
    }
    const size_t word_end = line.end + size;
    if (word_end + kCrlfBytes > std::min(limits.request_bytes_max, kRequestBytesCeiling)) {
      return Malformed("too big request");
    }
    // The length line is read again when the word is whole: it is short, the word may not be.
    if (word_end + kCrlfBytes > input.size()) return NeedMore(word_end + kCrlfBytes);
    if (input[word_end] != '\r' || input[word_end + 1] != '\n') {
      return Malformed("expected CRLF after bulk");
    }
    slices_.push_back({static_cast<uint32_t>(line.end), static_cast<uint32_t>(size)});
    at_ = word_end + kCrlfBytes;
  }
  words_.reserve(slices_.size());
  for (const Slice slice : slices_) {
    words_.emplace_back(input.data() + slice.offset, slice.size);
  }
  return Complete(at_);
}

void RespParser::Rewind() {
  at_ = 0;
  bytes_wanted_ = 0;
  words_left_ = 0;
  error_.clear();
}

RespParser::Result RespParser::Complete(size_t consumed) {
  at_ = 0;
  bytes_wanted_ = 0;
  return {State::kComplete, consumed};
}

RespParser::Result RespParser::NeedMore(size_t bytes_wanted) {
  Invariant(bytes_wanted > at_);
  bytes_wanted_ = bytes_wanted;
  return {State::kNeedMore, 0};
}

RespParser::Result RespParser::Malformed(std::string_view what) {
  error_.assign("Protocol error: ").append(what);
  slices_.clear();
  words_.clear();
  return {State::kMalformed, 0};
}

}  // namespace holdfast
