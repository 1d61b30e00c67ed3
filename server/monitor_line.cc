#include "server/monitor_line.h"

#include <fmt/format.h>

#include "storage/base/quoted.h"

namespace holdfast {

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
