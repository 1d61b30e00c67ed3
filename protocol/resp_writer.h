// Words out: appends replies to a buffer, in the RESP version that the connection has chosen
// (HELLO).
//
//   value           RESP2                RESP3            value           RESP2            RESP3
//   SimpleString    +text                +text            Map(n pairs)    *2n              %n
//   Error           -text                -text            Set(n)          *n               ~n
//   Integer         :n                   :n               Push(n)         *n               >n
//   Bulk            $size CRLF bytes     same             Double          $size CRLF text  ,text
//   Null            $-1                  _                Boolean         :1  :0           #t  #f
//   NullArray       *-1                  _                BigNumber       $size CRLF text  (text
//   Array(n)        *n                   *n               Verbatim        $size CRLF text  =size
//   CRLF fmt:text
//
// Each ends in CRLF. A header (Array, Map, Set, Push) promises that its elements follow: counting
// is the caller's part, and a wrong count spoils the whole connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace holdfast {

enum class RespVersion : uint8_t { kResp2 = 2, kResp3 = 3 };

inline constexpr std::string_view kCrlf = "\r\n";
inline constexpr std::string_view kOkReply = "+OK\r\n";
inline constexpr std::string_view kPongReply = "+PONG\r\n";
inline constexpr std::string_view kQueuedReply = "+QUEUED\r\n";
inline constexpr std::string_view kZeroReply = ":0\r\n";
inline constexpr std::string_view kOneReply = ":1\r\n";
inline constexpr std::string_view kEmptyArrayReply = "*0\r\n";

// A loan: cheap to make for each reply. Owner thread: the buffer's.
class RespWriter {
 public:
  // Bulk strings are left out once `bytes_max` have been written: the reply is spoilt and its owner
  // must not send it, but it costs no more memory.
  RespWriter(std::string& out, RespVersion version, size_t bytes_max = SIZE_MAX)
      : out_(out),
        end_(bytes_max > SIZE_MAX - out.size() ? SIZE_MAX : out.size() + bytes_max),
        version_(version) {}

  RespVersion version() const { return version_; }
  // For HELLO, which answers in the version that it chooses.
  void set_version(RespVersion version) { version_ = version; }

  // A reply that is the same in both versions, such as kOkReply.
  void Raw(std::string_view reply) { out_.append(reply); }
  void Ok() { Raw(kOkReply); }

  // Requires: no CR or LF in `text`; it comes from our own tables.
  void SimpleString(std::string_view text);
  // `text` starts with the error's word ("ERR ..."); CR and LF in it become spaces, for it may
  // quote the client.
  void Error(std::string_view text);

  void Integer(int64_t value) { Number(':', value); }
  void Bulk(std::string_view bytes);
  void Null() { Raw(Resp3() ? "_\r\n" : "$-1\r\n"); }
  void NullArray() { Raw(Resp3() ? "_\r\n" : "*-1\r\n"); }

  void Array(size_t elements) { Header('*', elements); }
  // `pairs` keys, each followed by its value.
  void Map(size_t pairs) { Resp3() ? Header('%', pairs) : Header('*', 2 * pairs); }
  void Set(size_t elements) { Header(Resp3() ? '~' : '*', elements); }
  // An array of a simple string and integers, written at once: what a sale answers is this. Its
  // text comes from our own tables, like a simple string's. Requires: at most kStatusBytesMax of
  // it, and kStatusNumbersMax.
  static constexpr size_t kStatusBytesMax = 16;
  static constexpr size_t kStatusNumbersMax = 3;
  void StatusArray(std::string_view status, std::initializer_list<int64_t> numbers);
  // Out of band in RESP3: stands between replies, never inside one.
  void Push(size_t elements) { Header(Resp3() ? '>' : '*', elements); }

  // 17 significant digits as Redis 7.0 prints them ("0.10000000000000001"), so that every double
  // survives the way there and back; "inf", "-inf", "nan".
  void Double(double value);
  void Boolean(bool value);
  // Requires: `digits` is a decimal integer of any length.
  void BigNumber(std::string_view digits);
  // Requires: `format` has three bytes ("txt", "mkd").
  void Verbatim(std::string_view format, std::string_view text);

 private:
  bool Resp3() const { return version_ == RespVersion::kResp3; }
  void Header(char marker, size_t count) { Number(marker, static_cast<int64_t>(count)); }

  // Marker, sign, 19 digits, CRLF.
  static constexpr size_t kNumberBytesMax = 1 + 1 + 19 + 2;

  void Number(char marker, int64_t value) {
    char text[kNumberBytesMax];
    const char* const end = PutNumber(text, marker, value);
    out_.append(text, static_cast<size_t>(end - text));
  }
  // Sign and digits; returns the end, like the next one.
  static char* PutDigits(char* at, int64_t value);
  // Writes at most kNumberBytesMax.
  static char* PutNumber(char* at, char marker, int64_t value) {
    *at++ = marker;
    if (value >= 0 && value <= 9) {
      *at++ = static_cast<char>('0' + value);
    } else {
      at = PutDigits(at, value);
    }
    std::memcpy(at, "\r\n", 2);
    return at + 2;
  }

  std::string& out_;
  size_t end_;
  RespVersion version_;
};

}  // namespace holdfast
