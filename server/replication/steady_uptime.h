// The clock of links, hosts and their machine: time since some moment, which nobody can set.
#pragma once

#include <chrono>

#include "server/replication/message.h"

namespace holdfast {

inline Uptime SteadyUptime() {
  return std::chrono::floor<Uptime>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace holdfast
