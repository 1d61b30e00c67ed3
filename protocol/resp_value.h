// Replies, RESP2 and RESP3: bytes in; a value and its length out. Pure: no socket, no state between
// calls. However the bytes are cut, a prefix of a good reply is kNeedMore and never anything else.
//
//   +text\r\n  -text\r\n  :int\r\n  ,double\r\n  (big\r\n  #t\r\n  _\r\n       one line
//   $n\r\n n bytes \r\n     !n ... (error)     =n ... txt:bytes (verbatim)      counted bytes
//   *n\r\n n values         ~n  >n  %n (2n values)   |n (2n values, then the value they describe)
//   $-1\r\n  *-1\r\n                                                           RESP2's two nulls
//
// Attributes (|) are read and dropped. Streamed lengths ($?, *?) are malformed: Redis sends none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast {

enum class RespType : uint8_t {
  kString,  // a simple string: a status word
  kError,
  kInteger,
  kBulk,  // counted bytes; a verbatim string too, without its "txt:"
  kNull,
  kBoolean,
  kDouble,
  kBigNumber,
  kArray,
  kMap,
  kSet,
  kPush,
};

// Bounds on what a peer may make us keep; the total of elements counts every nested one.
struct ReplyLimits {
  size_t bulk_bytes_max = size_t{512} << 20;
  size_t line_bytes_max = size_t{64} << 10;
  size_t elements_max = size_t{1} << 20;
};

// Deeper nesting is malformed.
inline constexpr size_t kReplyDepthMax = 32;

struct ReplyRead {
  enum class State : uint8_t { kComplete, kNeedMore, kMalformed };

  State state = State::kNeedMore;
  size_t bytes = 0;               // of the first whole reply; 0 unless complete
  std::string_view problem = {};  // what was malformed; a literal
};

// How many bytes the first reply takes. Allocates nothing.
ReplyRead ReplyLength(std::string_view input, const ReplyLimits& limits = {});

struct RespNode {
  RespType type = RespType::kNull;
  uint32_t size = 0;           // direct children; a map of n pairs has 2n, key and value in turn
  uint32_t next = 0;           // the node after this one and all below it
  int64_t integer = 0;         // of kInteger; 1 or 0 of kBoolean
  std::string_view text = {};  // lies in the input; of numbers as written
};

// A reply as a flat list, parents before children: the root is node 0, a node's first child follows
// it, its sibling is `next`. Reuse one object: it then allocates only for a reply longer than all
// before.
class RespValue {
 public:
  // Parses the first reply of `input`, whose bytes must outlive the value. Unless the result is
  // kComplete the value is empty.
  ReplyRead Read(std::string_view input, const ReplyLimits& limits = {});

  bool empty() const { return nodes_.empty(); }
  // Requires: not empty.
  const RespNode& root() const { return nodes_.front(); }
  const std::vector<RespNode>& nodes() const { return nodes_; }

  // The child number `position` of `parent`, or null: the shape of a reply is the peer's word, so
  // whoever asks for a child that is not there gets an answer and not a crash.
  const RespNode* Child(const RespNode& parent, size_t position) const;
  // The value under `name` in a map, or in the flat array that RESP2 has in its place; or null.
  const RespNode* Field(const RespNode& parent, std::string_view name) const;

 private:
  std::vector<RespNode> nodes_;
};

}  // namespace holdfast
