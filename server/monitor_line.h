// A line of MONITOR, a whole reply:
//
//   +1795307295.441952 [0 127.0.0.1:50123] "SET" "a" "b c\"\n\x01"
//    seconds.microseconds, database, client, words: quoted, so that each line is one
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "storage/core/mutation.h"

namespace holdfast {

std::string MonitorLine(std::chrono::sys_time<std::chrono::nanoseconds> at, DbIndex db,
                        std::string_view client, std::span<const std::string_view> words);

}  // namespace holdfast
