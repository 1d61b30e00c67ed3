#include "protocol/resp_parser.h"

#include <algorithm>
#include <cstring>

#include "protocol/inline_words.h"
#include "storage/base/invariant.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// What stays with a connection of the words of a request that was cut: 256 bytes.
constexpr size_t kSlicesKept = 32;
constexpr size_t kUnquotedBytesKept = 256;
constexpr size_t kCrlfBytes = 2;

struct LengthLine {
  enum class State : uint8_t { kRead, kNeedMore, kInvalid, kTooLong };
  State state;
  int64_t value = 0;
  size_t end = 0;  // just behind its CRLF
};

// Any number and CRLF behind the marker at input[at].
LengthLine ReadLengthLine(std::string_view input, size_t at) {
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

bool IsCrlf(const char* at) { return std::memcmp(at, "\r\n", kCrlfBytes) == 0; }

// Nearly every number has one to three digits: those are read at once, unrolled, for this runs for
// each word of each request. `end` is null where ReadLengthLine has to look.
struct PlainLength {
  size_t value = 0;
  const char* end = nullptr;
};
[[gnu::always_inline]] inline PlainLength ReadPlainLength(const char* marker, const char* end) {
  constexpr ptrdiff_t kBytesMax = 6;  // "$999\r\n"
  if (end - marker < kBytesMax) return {};
  const auto digit_at = [&](size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(marker[i])) - unsigned{'0'};
  };
  const unsigned first = digit_at(1);
  if (first > 9) return {};
  if (IsCrlf(marker + 2)) return {first, marker + 4};
  const unsigned second = digit_at(2);
  if (first == 0 || second > 9) return {};
  if (IsCrlf(marker + 3)) return {first * 10 + second, marker + 5};
  const unsigned third = digit_at(3);
  if (third > 9 || !IsCrlf(marker + 4)) return {};
  return {first * 100 + second * 10 + third, marker + 6};
}

size_t RequestBytesMax(const ParserLimits& limits) {
  return std::min(limits.request_bytes_max, kRequestBytesCeiling);
}

// Moves `at` from a length line behind its word, if that is as it should be and whole before `end`.
[[gnu::always_inline]] inline bool TakeWord(const char*& at, const char* end, size_t word_bytes_max,
                                            std::string_view& word) {
  PlainLength length = ReadPlainLength(at, end);
  if (length.end == nullptr) [[unlikely]] {
    if (at >= end) return false;
    const LengthLine line = ReadLengthLine({at, static_cast<size_t>(end - at)}, 0);
    length = {static_cast<size_t>(line.value), at + line.end};
    // A negative one is above any bound.
    if (line.state != LengthLine::State::kRead || length.value > kRequestBytesCeiling) return false;
  }
  if (*at != '$' || length.value > word_bytes_max) return false;
  const auto rest = static_cast<size_t>(end - length.end);
  if (length.value + kCrlfBytes > rest || !IsCrlf(length.end + length.value)) return false;
  word = {length.end, length.value};
  at = length.end + length.value + kCrlfBytes;
  return true;
}

}  // namespace

RespParser::Result RespParser::Parse(std::string_view input, const ParserLimits& limits,
                                     Words& words) {
  if (malformed_) return {State::kMalformed, 0};
  // Nothing below reads in front of at_: a caller that lost bytes waits for ever, but reads no
  // others.
  if (input.empty() || input.size() < bytes_wanted_)
    return NeedMore(std::max<size_t>(1, bytes_wanted_));
  if (input.front() != '*') return ParseInline(input, limits, words);
  if (at_ == 0) {
    const PlainLength count = ReadPlainLength(input.data(), input.data() + input.size());
    if (count.value > 0 && count.value <= limits.words_max) [[likely]] {
      at_ = static_cast<size_t>(count.end - input.data());
      words_left_ = static_cast<uint32_t>(count.value);
    } else if (Result result{}; !ParseCount(input, limits, result)) {
      return result;
    }
  }
  return ParseWords(input, limits, words);
}

RespParser::Result RespParser::ParseInline(std::string_view input, const ParserLimits& limits,
                                           Words& words) {
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
  if (text_.capacity() > kUnquotedBytesKept) std::string().swap(text_);
  text_.clear();
  const size_t first = words.size();
  switch (SplitInlineWords(line, limits.words_max, text_, words)) {
    case InlineSplit::kUnbalancedQuotes:
      words.resize(first);
      return Malformed("unbalanced quotes in request");
    case InlineSplit::kTooManyWords:
      words.resize(first);
      return Malformed(limits.authenticated ? "invalid multibulk length"
                                            : "unauthenticated multibulk length");
    case InlineSplit::kSplit:
      break;
  }
  for (size_t i = first; i < words.size(); ++i) {
    if (words[i].size() > limits.word_bytes_max) {
      words.resize(first);
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
    words_left_ = static_cast<uint32_t>(count);
    return true;
  }
  return false;
}

RespParser::Result RespParser::ParseWords(std::string_view input, const ParserLimits& limits,
                                          Words& words) {
  const size_t first = words.size();
  const size_t word_bytes_max = limits.word_bytes_max;
  const char* const end = input.data() + std::min(RequestBytesMax(limits), input.size());
  const char* at = input.data() + at_;
  for (uint32_t left = words_left_; left > 0; --left) {
    std::string_view word;
    if (!TakeWord(at, end, word_bytes_max, word)) {
      at_ = static_cast<size_t>(at - input.data());
      words_left_ = left;
      KeepWords(input, first, words);
      return NoWholeWord(input, limits);
    }
    words.push_back(word);
  }
  if (!slices_.empty()) {
    KeepWords(input, first, words);
    for (const Slice slice : slices_) words.emplace_back(input.data() + slice.offset, slice.size);
    ForgetSlices();
  }
  return Complete(static_cast<size_t>(at - input.data()));
}

// What TakeWord found missing or wrong at at_.
RespParser::Result RespParser::NoWholeWord(std::string_view input, const ParserLimits& limits) {
  using enum LengthLine::State;
  if (at_ == input.size()) return NeedMore(at_ + 1);
  if (input[at_] != '$') {
    return Malformed(std::string("expected '$', got '") + input[at_] + '\'');
  }
  const LengthLine line = ReadLengthLine(input, at_);
  if (line.state == kNeedMore) return NeedMore(input.size() + 1);
  if (line.state == kTooLong) return Malformed("too big bulk count string");
  const auto size = static_cast<size_t>(line.value);
  if (line.state == kInvalid || size > kRequestBytesCeiling) {
    return Malformed("invalid bulk length");
  }
  if (size > limits.word_bytes_max) {
    return Malformed(limits.authenticated ? "invalid bulk length" : "unauthenticated bulk length");
  }
  const size_t end = line.end + size + kCrlfBytes;
  if (end > RequestBytesMax(limits)) return Malformed("too big request");
  // The length line is read again when the word is whole: it is short, the word may not be.
  if (end > input.size()) return NeedMore(end);
  return Malformed("expected CRLF after bulk");
}

void RespParser::KeepWords(std::string_view input, size_t first, Words& words) {
  for (size_t i = first; i < words.size(); ++i) {
    slices_.push_back({static_cast<uint32_t>(words[i].data() - input.data()),
                       static_cast<uint32_t>(words[i].size())});
  }
  words.resize(first);
}

void RespParser::ForgetSlices() {
  slices_.clear();
  if (slices_.capacity() > kSlicesKept) slices_.shrink_to_fit();
}

void RespParser::Rewind() {
  ForgetSlices();
  at_ = 0;
  bytes_wanted_ = 0;
  words_left_ = 0;
  malformed_ = false;
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
  text_.assign("Protocol error: ").append(what);
  malformed_ = true;
  ForgetSlices();
  return {State::kMalformed, 0};
}

}  // namespace holdfast
