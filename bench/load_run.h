// One load against one server: closed loop (each connection keeps its pipeline full and waits) or
// open loop (requests become due at a fixed rate, whatever the server does).
#pragma once

#include <cstdint>

#include "bench/arguments.h"
#include "bench/histogram.h"
#include "bench/loads/load.h"
#include "bench/tally.h"
#include "storage/base/status.h"

namespace holdfast::bench {

struct LoadResult {
  Histogram latency_ns;
  Tally tally;
  uint64_t requests = 0;  // answered
  double seconds = 0;
  // CPU that the tool itself used. Near 1 second a second the tool was the limit, and not the
  // server.
  double client_cpu_seconds = 0;
  // Of the process --server-pid, all threads, while the load ran; 0 without one.
  double server_cpu_seconds = 0;
};

// One thread, the caller's. Prepares the load first, which is not measured. Not ok when the server
// cannot be reached, closes a connection or speaks no RESP; error replies are counted in the tally.
Status RunLoad(const Arguments& arguments, Load& load, LoadResult& result);

}  // namespace holdfast::bench
