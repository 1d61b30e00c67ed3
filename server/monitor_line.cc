#include "server/monitor_line.h"

#include <fmt/format.h>

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

void AppendQuoted(std::string& out, std::string_view word) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : word) {
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

}  // namespace

std::string MonitorLine(std::chrono::sys_time<std::chrono::nanoseconds> at, DbIndex db,
                        std::string_view client, std::span<const std::string_view> words) {
  const auto us = std::chrono::floor<std::chrono::microseconds>(at).time_since_epoch().count();
  std::string line = fmt::format("+{}.{:06} [{} {}]", us / 1'000'000, us % 1'000'000, db, client);
  for (const std::string_view word : words) {
    line += ' ';
    AppendQuoted(line, word);
  }
  line += "\r\n";
  return line;
}

}  // namespace holdfast
