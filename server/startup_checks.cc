#include "server/startup_checks.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <limits>

#include <sys/resource.h>

#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

int64_t DescriptorCount(rlim_t limit) {
  constexpr auto kMax = std::numeric_limits<int64_t>::max();
  return limit == RLIM_INFINITY || limit > static_cast<rlim_t>(kMax) ? kMax
                                                                     : static_cast<int64_t>(limit);
}

// Raises the soft limit to `wanted`, or as far as the hard one lets it; a privileged process raises
// the hard one too. The limit afterwards.
rlim_t RaiseDescriptorLimit(const rlimit& now, rlim_t wanted) {
  const rlimit raised{.rlim_cur = wanted, .rlim_max = std::max(now.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  const rlimit soft{.rlim_cur = std::min(now.rlim_max, wanted), .rlim_max = now.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &soft) == 0 ? soft.rlim_cur : now.rlim_cur;
}

}  // namespace

int64_t ClientsThatFit(int64_t wanted, int64_t descriptors) {
  return std::clamp<int64_t>(descriptors - kReservedDescriptors, 0, wanted);
}

Status FitMaxClients(Config& config, std::vector<std::string>& warnings) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return Status::FromErrno("cannot read the descriptor limit", errno);
  }
  const int64_t needed = config.maxclients + kReservedDescriptors;
  int64_t descriptors = DescriptorCount(limit.rlim_cur);
  if (descriptors < needed) {
    descriptors = DescriptorCount(RaiseDescriptorLimit(limit, static_cast<rlim_t>(needed)));
  }
  const int64_t fit = ClientsThatFit(config.maxclients, descriptors);
  if (fit == config.maxclients) return Status::Ok();
  const std::string granted = "the system grants " + std::to_string(descriptors) + " descriptors";
  const std::string remedy = "; raise the limit with 'ulimit -n " + std::to_string(needed) +
                             "' (LimitNOFILE under systemd)";
  if (fit == 0) return Status::Invalid(granted + ", too few for a single client" + remedy);
  warnings.push_back(granted + ", so maxclients is " + std::to_string(fit) + " instead of " +
                     std::to_string(config.maxclients) + remedy);
  config.maxclients = fit;
  return Status::Ok();
}

std::optional<std::string> BacklogWarning(int64_t tcp_backlog, std::string_view somaxconn) {
  const auto limit = ParseInt64(somaxconn.substr(0, somaxconn.find('\n')));
  if (!limit || *limit >= tcp_backlog) return std::nullopt;
  return "tcp-backlog " + std::to_string(tcp_backlog) + " is cut to " + std::to_string(*limit) +
         " by the system; raise it with 'sysctl -w net.core.somaxconn=" +
         std::to_string(tcp_backlog) + "'";
}

Status CheckSystem(Config& config, std::vector<std::string>& warnings) {
  std::ifstream file("/proc/sys/net/core/somaxconn");
  const std::string somaxconn(std::istreambuf_iterator<char>(file), {});
  if (auto warning = BacklogWarning(config.tcp_backlog, somaxconn)) {
    warnings.push_back(*std::move(warning));
  }
  return FitMaxClients(config, warnings);
}

}  // namespace holdfast
