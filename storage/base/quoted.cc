#include "storage/base/quoted.h"

namespace holdfast {
namespace {

// The letter behind the backslash; 0: the byte has none.
char EscapeOf(char c) {
  switch (c) {
    case '\\':
    case '"':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    default:
      return 0;
  }
}

}  // namespace

void AppendQuoted(std::string& out, std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (const char escape = EscapeOf(c); escape != 0) {
      out += {'\\', escape};
    } else if (byte < 0x20 || byte > 0x7e) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace holdfast
