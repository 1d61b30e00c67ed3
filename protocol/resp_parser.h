// Bytes in, one request out. A request is either of
//
//   multibulk   "*" count CRLF, then count times: "$" length CRLF, length bytes, CRLF
//   inline      words up to LF (a CR before it is dropped), quoted as in redis-cli: see
//   inline_words.h
//
// and may be empty (count <= 0, a blank line). Numbers are strict: no '+', no leading zero. What
// Redis 7.0 accepts is accepted and its error texts are kept, but for what it leaves unread: the LF
// of a length line and the CRLF after a word must be there.
//
// The answer never depends on how the bytes were cut into reads, and no byte of a word is looked at
// twice: progress is kept as offsets from the request's first byte, so the caller may move its
// buffer. Words are views and go straight to where the caller wants them; only those of a request
// that is cut are kept here meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

inline constexpr size_t kWordsMax = size_t{1024} * 1024;
inline constexpr size_t kInlineBytesMax = size_t{64} * 1024;
// A count or length line with its marker and CRLF never needs more; "-9223372036854775808" has 20
// digits.
inline constexpr size_t kLengthLineBytesMax = 32;
// No limit may exceed it: offsets within a request are 32 bits wide.
inline constexpr size_t kRequestBytesCeiling = size_t{1} << 30;

// What a client may make us hold. Judged as soon as a length is read, before anything is kept for
// it.
struct ParserLimits {
  size_t words_max = kWordsMax;
  size_t word_bytes_max = size_t{64} * 1024 * 1024;
  // The whole of a multibulk request, headers included.
  size_t request_bytes_max = kRequestBytesCeiling;
  // Chooses Redis' words for a broken limit: "unauthenticated bulk length" tells that AUTH would
  // lift it.
  bool authenticated = true;
};

inline constexpr ParserLimits kUnauthenticatedLimits{.words_max = 10,
                                                     .word_bytes_max = size_t{16} * 1024,
                                                     .request_bytes_max = size_t{256} * 1024,
                                                     .authenticated = false};

// Owner: one per connection, used by its thread only. Between requests it owns next to nothing.
class RespParser {
 public:
  using Words = std::vector<std::string_view>;

  enum class State : uint8_t { kComplete, kNeedMore, kMalformed };
  struct Result {
    State state;
    size_t consumed;  // bytes of the request when kComplete, else 0
  };

  RespParser() = default;
  // Words of an inline request may point into the parser itself.
  RespParser(const RespParser&) = delete;
  RespParser& operator=(const RespParser&) = delete;

  // `input` starts at the first byte of a request. After kNeedMore call again with the same bytes
  // and more of them; after kComplete with what follows the consumed bytes. kMalformed stays.
  //
  // When kComplete, the request's words stand at the end of `words`; none for an empty request.
  // They are valid while the input stays; those of an inline request until the next Parse, too.
  Result Parse(std::string_view input, const ParserLimits& limits, Words& words);

  // Forgets the request that is being read, or the malformed one: the next Parse starts at the
  // first byte of a request again. For who reads requests ahead of what it executes.
  void Rewind();

  // After kMalformed: Redis' text without "-ERR ". May hold any byte the client sent; the writer
  // cleans it.
  std::string_view error() const { return malformed_ ? text_ : std::string_view(); }

  // After kNeedMore: this many bytes of the request, from its first, are known to be needed. A
  // claim of the client's: a reader may aim at it, but must not allocate it ahead of the data.
  size_t bytes_wanted() const { return bytes_wanted_; }

 private:
  struct Slice {
    uint32_t offset;
    uint32_t size;
  };

  Result ParseInline(std::string_view input, const ParserLimits& limits, Words& words);
  // False: the request ends here, with `result`.
  bool ParseCount(std::string_view input, const ParserLimits& limits, Result& result);
  Result ParseWords(std::string_view input, const ParserLimits& limits, Words& words);
  Result NoWholeWord(std::string_view input, const ParserLimits& limits);
  // Those from `first` on, until the request is whole.
  void KeepWords(std::string_view input, size_t first, Words& words);
  void ForgetSlices();

  Result Complete(size_t consumed);
  Result NeedMore(size_t bytes_wanted);
  Result Malformed(std::string_view what);

  std::vector<Slice> slices_;  // words of a multibulk request that is cut
  std::string text_;           // inline words that lost their quotes; or the error
  // Multibulk: where the next word starts, 0 before the count. Inline: no LF before it.
  size_t at_ = 0;
  size_t bytes_wanted_ = 0;
  uint32_t words_left_ = 0;
  bool malformed_ = false;
};

}  // namespace holdfast
