// holdfast [file] [--directive value ...]
#include <csignal>
#include <cstdio>
#include <span>
#include <string>

#include "server/commands/command_list.h"
#include "server/config.h"
#include "server/directives.h"
#include "server/restore.h"
#include "server/server.h"
#include "server/server_log.h"
#include "server/startup_checks.h"
#include "server/version.h"

namespace holdfast {
namespace {

// Whatever stops a start is the last line on stderr, and the exit code is 1.
int Refuse(const Status& status) {
  std::fflush(stdout);
  std::fprintf(stderr, "holdfast: %s\n", status.text().c_str());
  return 1;
}

int Done(const Status& status) { return status.ok() ? 0 : Refuse(status); }

int Run(std::span<char* const> args) {
  StartRequest request;
  if (Status parsed = ParseCommandLine(args, request); !parsed.ok()) return Refuse(parsed);
  switch (request.action) {
    case StartRequest::Action::kHelp:
      std::fputs(HelpText().c_str(), stdout);
      return 0;
    case StartRequest::Action::kVersion:
      std::printf("holdfast %s (Redis protocol as of %s)\n", kHoldfastVersion, kRedisVersion);
      return 0;
    case StartRequest::Action::kPrintConf:
      std::fputs(SampleConfigFile().c_str(), stdout);
      return 0;
    case StartRequest::Action::kPrintCommands:
      std::fputs(CommandListMarkdown().c_str(), stdout);
      return 0;
    case StartRequest::Action::kListBackups:
      return Done(PrintBackups(request));
    case StartRequest::Action::kRestore:
      return Done(Restore(request));
    case StartRequest::Action::kRun:
      break;
  }
  std::signal(SIGPIPE, SIG_IGN);
  if (Status opened = OpenServerLog(request.config.logfile, request.config.loglevel);
      !opened.ok()) {
    return Refuse(opened);
  }
  if (Status checked = CheckSystem(request.config, request.warnings); !checked.ok())
    return Refuse(checked);

  Server server;
  if (Status opened = server.Open(request); !opened.ok()) return Refuse(opened);
  if (Status ran = server.Run(); !ran.ok()) return Refuse(ran);
  return 0;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  return holdfast::Run(std::span<char* const>(argv + 1, static_cast<size_t>(argc - 1)));
}
