// The server's own log, for operators, in Redis' line format so that existing tools read it:
//
//   4711:M 21 Nov 2026 21:09:25.123 * Ready to accept connections
//   pid:role  local wall time       level (. debug  - verbose  * notice  # warning)
//
// Bytes below 0x20 and 0x7f are written as \xHH: a client's key cannot forge a line. Nobody may log
// a password, an AUTH's words or a hold's META.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "server/server_log_level.h"
#include "storage/base/status.h"

namespace holdfast {

// Before other threads log. An empty path means standard output, where lines go until this is
// called.
Status OpenServerLog(const std::string& path, LogLevel level);

// Any thread, all of these.
void SetLogLevel(LogLevel level);
bool Logs(LogLevel level);
void WriteLog(LogLevel level, std::string_view message);

// Formats only what will be written: LogNotice("port {} is open", port).
template <typename... Args>
void LogAt(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
  if (Logs(level)) WriteLog(level, fmt::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void LogDebug(fmt::format_string<Args...> text, Args&&... args) {
  LogAt(LogLevel::kDebug, text, std::forward<Args>(args)...);
}
template <typename... Args>
void LogVerbose(fmt::format_string<Args...> text, Args&&... args) {
  LogAt(LogLevel::kVerbose, text, std::forward<Args>(args)...);
}
template <typename... Args>
void LogNotice(fmt::format_string<Args...> text, Args&&... args) {
  LogAt(LogLevel::kNotice, text, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarning(fmt::format_string<Args...> text, Args&&... args) {
  LogAt(LogLevel::kWarning, text, std::forward<Args>(args)...);
}

}  // namespace holdfast
