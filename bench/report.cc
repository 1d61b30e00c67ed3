#include "bench/report.h"

#include <cerrno>
#include <cstdio>

#include <fmt/core.h>

namespace holdfast::bench {
namespace {

double Ms(uint64_t ns) { return static_cast<double>(ns) / 1e6; }

std::string_view DialectName(Dialect dialect) {
  switch (dialect) {
    case Dialect::kNative:
      return "native";
    case Dialect::kLua:
      return "lua";
    case Dialect::kLuaBare:
      return "lua-bare";
  }
  return "";
}

}  // namespace

std::string LoadSummary(const Arguments& arguments, const LoadResult& result) {
  std::string loop = "closed loop";
  if (arguments.rate > 0) {
    loop = fmt::format("open loop at {}/s, latency from the intended instant", arguments.rate);
  }
  const Histogram& latency = result.latency_ns;
  std::string text = fmt::format(
      "{} ({}), {} connections, pipeline {}, {}\n"
      "  {} requests in {:.2f} s: {:.0f} requests/s; the tool's own CPU {:.0f} %\n"
      "  latency ms: mean {:.3f}  p50 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f}\n  answers:",
      arguments.load, DialectName(arguments.dialect), arguments.connections, arguments.pipeline,
      loop, result.requests, result.seconds, static_cast<double>(result.requests) / result.seconds,
      100 * result.client_cpu_seconds / result.seconds, latency.Mean() / 1e6,
      Ms(latency.Quantile(0.5)), Ms(latency.Quantile(0.99)), Ms(latency.Quantile(0.999)),
      Ms(latency.Max()));
  for (const Tally::Entry& entry : result.tally.entries()) {
    text += fmt::format(" {}{} {}", entry.error ? "error " : "", entry.word, entry.count);
  }
  text += '\n';
  if (arguments.server_pid > 0) {
    text += fmt::format("  the server's CPU: {:.3f} s for a million requests\n",
                        result.server_cpu_seconds * 1e6 / static_cast<double>(result.requests));
  }
  for (const Tally::Entry& entry : result.tally.entries()) {
    if (entry.error) text += fmt::format("  the first {}: {}\n", entry.word, entry.example);
  }
  return text;
}

std::string LoadJson(const Arguments& arguments, const LoadResult& result) {
  const Histogram& latency = result.latency_ns;
  std::string answers;
  for (const Tally::Entry& entry : result.tally.entries()) {
    answers += fmt::format("{}{}: {}", answers.empty() ? "" : ", ",
                           JsonString((entry.error ? "-" : "") + entry.word), entry.count);
  }
  return fmt::format(
      "{{\"load\": {}, \"dialect\": {}, \"connections\": {}, \"pipeline\": {}, \"rate\": {}, "
      "\"requests\": {}, \"seconds\": {:.6f}, \"requests_per_s\": {:.1f}, "
      "\"client_cpu_seconds\": {:.6f}, \"server_cpu_seconds\": {:.6f}, \"errors\": {}, "
      "\"answers\": {{{}}}, "
      "\"latency_ns\": {{\"mean\": {:.0f}, \"p50\": {}, \"p99\": {}, \"p99.9\": {}, \"max\": "
      "{}}}}}\n",
      JsonString(arguments.load), JsonString(DialectName(arguments.dialect)), arguments.connections,
      arguments.pipeline, arguments.rate, result.requests, result.seconds,
      static_cast<double>(result.requests) / result.seconds, result.client_cpu_seconds,
      result.server_cpu_seconds, result.tally.errors(), answers, latency.Mean(),
      latency.Quantile(0.5), latency.Quantile(0.99), latency.Quantile(0.999), latency.Max());
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

Status WriteFile(const std::string& path, const std::string& text) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return Status::FromErrno(path, errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written) return Status::FromErrno(path, errno);
  return Status::Ok();
}

}  // namespace holdfast::bench
