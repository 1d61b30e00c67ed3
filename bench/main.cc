// holdfast-bench: one load shape, or a whole sale with its audit, against any server that speaks
// RESP.
#include <csignal>
#include <cstdio>
#include <span>
#include <string>

#include "bench/arguments.h"
#include "bench/load_run.h"
#include "bench/loads/load.h"
#include "bench/masks/masks.h"
#include "bench/report.h"

namespace holdfast::bench {
namespace {

constexpr int kGood = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

int Complain(const Status& status, int code) {
  std::fprintf(stderr, "holdfast-bench: %s\n", status.text().c_str());
  return code;
}

int WriteJson(const Arguments& arguments, const std::string& json) {
  if (arguments.json.empty()) return kGood;
  const Status status = WriteFile(arguments.json, json);
  return status.ok() ? kGood : Complain(status, kFailed);
}

int RunLoadByName(const Arguments& arguments) {
  const auto load = MakeLoad(arguments);
  LoadResult result;
  if (const Status status = RunLoad(arguments, *load, result); !status.ok()) {
    return Complain(status, kFailed);
  }
  std::fputs(LoadSummary(arguments, result).c_str(), stdout);
  const int code = WriteJson(arguments, LoadJson(arguments, result));
  return result.tally.errors() > 0 ? kFailed : code;
}

int RunMasksScenario(const Arguments& arguments) {
  MasksResult result;
  if (const Status status = RunMasks(arguments, result); !status.ok()) {
    return Complain(status, kFailed);
  }
  std::fputs(MasksSummary(arguments, result).c_str(), stdout);
  const int code = WriteJson(arguments, MasksJson(arguments, result));
  return result.differences.empty() ? code : kFailed;
}

int Main(int argc, const char* const* argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  const std::span<const char* const> words(argv, static_cast<size_t>(argc));
  const Status status = ParseArguments(words.subspan(words.empty() ? 0 : 1), arguments);
  if (!status.ok()) {
    Complain(status, kUsage);
    std::fputs(UsageText(), stderr);
    return kUsage;
  }
  if (arguments.help) {
    std::fputs(UsageText(), stdout);
    return kGood;
  }
  return arguments.scenario.empty() ? RunLoadByName(arguments) : RunMasksScenario(arguments);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) { return holdfast::bench::Main(argc, argv); }
