#include "protocol/resp_value.h"

#include <array>

#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

using State = ReplyRead::State;

constexpr ReplyRead NeedMore() { return {}; }
constexpr ReplyRead Malformed(std::string_view problem) {
  return {.state = State::kMalformed, .problem = problem};
}
constexpr ReplyRead Complete(size_t bytes) { return {.state = State::kComplete, .bytes = bytes}; }

// One element without its children.
struct Element {
  RespNode node;
  uint64_t children = 0;
  bool attribute = false;
};

// The line after the type byte at `at`; complete means up to and with its \r\n.
ReplyRead ReadLine(std::string_view input, size_t at, const ReplyLimits& limits,
                   std::string_view& line) {
  const size_t begin = at + 1;
  // A plain loop: the lines are a few bytes long, a call to memchr would cost more.
  for (size_t i = begin; i < input.size(); ++i) {
    if (i - begin >= limits.line_bytes_max && input[i] != '\r') return Malformed("line too long");
    if (input[i] == '\n') return Malformed("bare line feed");
    if (input[i] != '\r') continue;
    if (i + 1 == input.size()) return NeedMore();
    if (input[i + 1] != '\n') return Malformed("carriage return without line feed");
    line = input.substr(begin, i - begin);
    return Complete(i + 2);
  }
  return NeedMore();
}

ReplyRead ReadCounted(std::string_view input, size_t body, size_t size, char kind,
                      Element& element) {
  if (input.size() - body < size + 2) {
    // What is there of the end must be right, so that a wrong one is found without waiting.
    if (input.size() - body == size + 1 && input[body + size] != '\r') {
      return Malformed("counted bytes do not end in CRLF");
    }
    return NeedMore();
  }
  if (input.substr(body + size, 2) != "\r\n") return Malformed("counted bytes do not end in CRLF");
  element.node.type = kind == '!' ? RespType::kError : RespType::kBulk;
  element.node.text = input.substr(body, size);
  if (kind == '=') {
    if (size < 4 || element.node.text[3] != ':') return Malformed("verbatim string without format");
    element.node.text.remove_prefix(4);
  }
  return Complete(body + size + 2);
}

// Types whose line is a length: counted bytes, or a count of children.
ReplyRead ReadSized(std::string_view input, char kind, std::string_view line, size_t body,
                    const ReplyLimits& limits, Element& element) {
  const auto length = ParseInt64(line);
  if (!length || *length < -1) return Malformed("invalid length");
  if (*length == -1) {
    if (kind != '$' && kind != '*') return Malformed("invalid length");
    element.node.type = RespType::kNull;
    return Complete(body);
  }
  const auto size = static_cast<uint64_t>(*length);
  if (kind == '$' || kind == '!' || kind == '=') {
    if (size > limits.bulk_bytes_max) return Malformed("bulk too long");
    return ReadCounted(input, body, size, kind, element);
  }
  if (size > limits.elements_max) return Malformed("too many elements");
  const bool pairs = kind == '%' || kind == '|';
  element.children = pairs ? 2 * size : size;
  element.attribute = kind == '|';
  element.node.size = static_cast<uint32_t>(element.children);
  element.node.type = pairs         ? RespType::kMap
                      : kind == '~' ? RespType::kSet
                      : kind == '>' ? RespType::kPush
                                    : RespType::kArray;
  return Complete(body);
}

// Types whose line is the value.
ReplyRead ReadScalar(char kind, std::string_view line, size_t end, Element& element) {
  element.node.text = line;
  switch (kind) {
    case '+':
      element.node.type = RespType::kString;
      return Complete(end);
    case '-':
      element.node.type = RespType::kError;
      return Complete(end);
    case ':': {
      const auto value = ParseInt64(line);
      if (!value) return Malformed("invalid integer");
      element.node.type = RespType::kInteger;
      element.node.integer = *value;
      return Complete(end);
    }
    case '#':
      if (line != "t" && line != "f") return Malformed("invalid boolean");
      element.node.type = RespType::kBoolean;
      element.node.integer = line == "t" ? 1 : 0;
      return Complete(end);
    case '_':
      if (!line.empty()) return Malformed("invalid null");
      element.node.type = RespType::kNull;
      return Complete(end);
    default:  // ',' and '(': kept as written, whoever wants the number converts it
      if (line.empty()) return Malformed("empty number");
      element.node.type = kind == ',' ? RespType::kDouble : RespType::kBigNumber;
      return Complete(end);
  }
}

// bytes of the result = where the next element begins.
ReplyRead ReadElement(std::string_view input, size_t at, const ReplyLimits& limits,
                      Element& element) {
  if (at == input.size()) return NeedMore();
  const char kind = input[at];
  constexpr std::string_view kKinds = "+-:$*%~>|!=,(#_";
  if (kKinds.find(kind) == std::string_view::npos) return Malformed("unknown reply type");
  std::string_view line;
  const ReplyRead read = ReadLine(input, at, limits, line);
  if (read.state != State::kComplete) return read;
  constexpr std::string_view kSized = "$*%~>|!=";
  if (kSized.find(kind) == std::string_view::npos) {
    return ReadScalar(kind, line, read.bytes, element);
  }
  return ReadSized(input, kind, line, read.bytes, limits, element);
}

// Walks the first reply. The sink hears of each element and, by what its Add returned, of the
// end of each one with children. A stack of our own: nesting by the peer's will costs no call
// frames.
template <typename Sink>
ReplyRead Walk(std::string_view input, const ReplyLimits& limits, Sink& sink) {
  struct Open {
    uint64_t missing = 0;
    uint32_t mark = 0;
    bool attribute = false;
  };
  std::array<Open, kReplyDepthMax> open;  // deliberately not cleared: only [0, depth) is read
  size_t depth = 0;
  size_t at = 0;
  for (size_t elements = 1;; ++elements) {
    if (elements > limits.elements_max) return Malformed("too many elements");
    Element element;
    const ReplyRead read = ReadElement(input, at, limits, element);
    if (read.state != State::kComplete) return read;
    at = read.bytes;
    const uint32_t mark = sink.Add(element.node);
    if (element.children > 0) {
      if (depth == open.size()) return Malformed("nested too deep");
      open[depth++] = {element.children, mark, element.attribute};
      continue;
    }
    if (element.attribute) {  // |0: nothing in it, its value follows
      sink.Drop(mark);
      continue;
    }
    // A value ended here, and with it each parent of which it was the last child.
    while (true) {
      if (depth == 0) return Complete(at);
      const Open& parent = open[depth - 1];
      if (--open[depth - 1].missing > 0) break;
      --depth;
      if (parent.attribute) {  // not a value: the one that it describes comes next
        sink.Drop(parent.mark);
        break;
      }
      sink.Close(parent.mark);
    }
  }
}

struct NoSink {
  uint32_t Add(const RespNode& /*node*/) { return 0; }
  void Close(uint32_t /*mark*/) {}
  void Drop(uint32_t /*mark*/) {}
};

struct ListSink {
  std::vector<RespNode>& nodes;

  uint32_t Add(const RespNode& node) {
    const auto mark = static_cast<uint32_t>(nodes.size());
    nodes.push_back(node);
    nodes.back().next = mark + 1;
    return mark;
  }
  void Close(uint32_t mark) { nodes[mark].next = static_cast<uint32_t>(nodes.size()); }
  void Drop(uint32_t mark) { nodes.resize(mark); }
};

}  // namespace

ReplyRead ReplyLength(std::string_view input, const ReplyLimits& limits) {
  NoSink sink;
  return Walk(input, limits, sink);
}

ReplyRead RespValue::Read(std::string_view input, const ReplyLimits& limits) {
  nodes_.clear();
  ListSink sink{nodes_};
  const ReplyRead read = Walk(input, limits, sink);
  if (read.state != State::kComplete) nodes_.clear();
  return read;
}

const RespNode* RespValue::Child(const RespNode& parent, size_t position) const {
  if (position >= parent.size) return nullptr;
  auto at = static_cast<size_t>(&parent - nodes_.data()) + 1;
  for (; position > 0; --position) at = nodes_[at].next;
  return &nodes_[at];
}

const RespNode* RespValue::Field(const RespNode& parent, std::string_view name) const {
  auto at = static_cast<size_t>(&parent - nodes_.data()) + 1;
  for (size_t pair = 0; pair + 1 < parent.size; pair += 2) {
    const size_t value = nodes_[at].next;
    if (nodes_[at].text == name) return &nodes_[value];
    at = nodes_[value].next;
  }
  return nullptr;
}

}  // namespace holdfast
