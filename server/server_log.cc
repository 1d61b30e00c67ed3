// The only includer of spdlog: its headers take seconds to compile.
#include "server/server_log.h"

#include <atomic>
#include <chrono>
#include <memory>

#include <fmt/chrono.h>
#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

namespace holdfast {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kNotice};

char LevelMark(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return '.';
    case spdlog::level::info:
      return '-';
    case spdlog::level::warn:
      return '*';
    default:
      return '#';
  }
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kVerbose:
      return spdlog::level::info;
    case LogLevel::kNotice:
      return spdlog::level::warn;
    case LogLevel::kWarning:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

void AppendEscaped(std::string_view text, spdlog::memory_buf_t& out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
}

// One line as Redis writes it. spdlog has read the wall clock for us: operators compare log lines
// with other machines' logs, not with holds.
class RedisLineFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& out) override {
    const auto ms =
        std::chrono::floor<std::chrono::milliseconds>(msg.time.time_since_epoch()).count();
    const auto second = static_cast<std::time_t>(ms / 1000);
    std::tm local{};
    localtime_r(&second, &local);
    fmt::format_to(std::back_inserter(out), "{}:M {:%d %b %Y %H:%M:%S}.{:03} {} ", ::getpid(),
                   local, ms % 1000, LevelMark(msg.level));
    AppendEscaped({msg.payload.data(), msg.payload.size()}, out);
    out.push_back('\n');
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<RedisLineFormatter>();
  }
};

std::unique_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink) {
  auto logger = std::make_unique<spdlog::logger>("holdfast", std::move(sink));
  logger->set_formatter(std::make_unique<RedisLineFormatter>());
  logger->set_level(spdlog::level::trace);  // LogAt has asked Logs() already
  logger->flush_on(spdlog::level::trace);  // the last line before a crash is the one that is wanted
  return logger;
}

// Replaced by OpenServerLog alone, before there are other threads. Never destroyed: a thread may
// still log while the process exits.
std::unique_ptr<spdlog::logger>& Logger() {
  static auto& logger = *new std::unique_ptr<spdlog::logger>(
      MakeLogger(std::make_shared<spdlog::sinks::stdout_sink_mt>()));
  return logger;
}

}  // namespace

Status OpenServerLog(const std::string& path, LogLevel level) {
  SetLogLevel(level);
  if (path.empty()) {
    Logger() = MakeLogger(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    return Status::Ok();
  }
  try {
    Logger() = MakeLogger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& error) {
    return Status::Io("cannot open the log file '" + path + "': " + error.what());
  }
  return Status::Ok();
}

void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

bool Logs(LogLevel level) { return level >= log_level.load(std::memory_order_relaxed); }

void WriteLog(LogLevel level, std::string_view message) {
  if (Logs(level))
    Logger()->log(SpdlogLevel(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace holdfast
