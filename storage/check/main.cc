// holdfast-check DIR: verifies a data directory while no server has it.
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

#include "storage/check/arguments.h"
#include "storage/check/cut_tail.h"
#include "storage/check/dump.h"
#include "storage/check/inspection.h"

namespace holdfast {
namespace {

constexpr int kSound = 0;
constexpr int kDamaged = 1;
constexpr int kUnchecked = 2;

int Complain(const Status& status, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "holdfast-check: %s\n", status.text().c_str());
  return code;
}

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void SayProgress(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

// A server keeps its data in the folder 'log' of its 'dir'.
std::string DataPath(const std::string& named) {
  std::error_code error;
  for (const char* part : {"/witness", "/db"}) {
    if (!std::filesystem::exists(named + part, error) &&
        std::filesystem::exists(named + "/log" + part, error)) {
      return named + "/log";
    }
  }
  return named;
}

int CutOff(const DataDirectory& directory, const CheckReport& report, Progress& progress) {
  if (report.sound()) {
    Print("nothing is damaged, so nothing was cut\n");
    return kSound;
  }
  if (const std::string why_not = WhyNotCut(report); !why_not.empty()) {
    return Complain(Status::Damaged("nothing was cut, for it would not help: " + why_not +
                                    "; restore the directory from a backup or a replica"),
                    kDamaged);
  }
  if (const Status cut = CutTail(directory, report); !cut.ok()) {
    return Complain(Status::Io("the cut was interrupted: " + cut.text() + "; run it again"),
                    kDamaged);
  }
  Print(CutText(report));
  CheckReport after;
  if (const Status checked = Check(directory, {}, progress, after); !checked.ok()) {
    return Complain(checked, kDamaged);
  }
  Print(after.sound() ? "sound      a server can start\n" : ReportText(after));
  return after.sound() ? kSound : kDamaged;
}

int Run(std::span<char* const> words) {
  CheckArguments arguments;
  if (const Status parsed = ParseCheckArguments(words, arguments); !parsed.ok()) {
    return Complain(parsed, kUnchecked);
  }
  if (arguments.help) {
    Print(CheckUsage());
    return kSound;
  }
  DataDirectory directory;
  const std::string path = DataPath(arguments.directory);
  if (const Status opened = directory.OpenExisting(path, arguments.cut_tail); !opened.ok()) {
    return Complain(opened, kUnchecked);
  }
  if (arguments.dump) {
    const Status dumped = DumpLog(directory, *arguments.dump, Print);
    return dumped.ok() ? kSound : Complain(dumped, kDamaged);
  }
  Progress progress(SayProgress);
  CheckReport report;
  const CheckOptions options{.state = arguments.state};
  if (const Status checked = Check(directory, options, progress, report); !checked.ok()) {
    return Complain(checked, kUnchecked);
  }
  Print(ReportText(report));
  if (arguments.cut_tail) return CutOff(directory, report, progress);
  return report.sound() ? kSound : kDamaged;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  return holdfast::Run(std::span<char* const>(argv + 1, static_cast<size_t>(argc - 1)));
}
