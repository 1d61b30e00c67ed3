// What the system grants against what the configuration asks for; told at start rather than under
// load.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

// Descriptors that are not clients: log segments, listeners, event loops, the three standard ones.
inline constexpr int64_t kReservedDescriptors = 512;

// How many clients fit into `descriptors`; 0: not even one.
int64_t ClientsThatFit(int64_t wanted, int64_t descriptors);

// Raises the process's descriptor limit to what `config.maxclients` needs, as far as the system
// lets it; where it does not, lowers maxclients and says so. Invalid: not one client would fit.
Status FitMaxClients(Config& config, std::vector<std::string>& warnings);

// `somaxconn` is the text of /proc/sys/net/core/somaxconn, which silently cuts listen()'s backlog.
std::optional<std::string> BacklogWarning(int64_t tcp_backlog, std::string_view somaxconn);

// All of the above on the running system.
Status CheckSystem(Config& config, std::vector<std::string>& warnings);

}  // namespace holdfast
