#include "bench/loads/load.h"

#include <string_view>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast::bench {

std::unique_ptr<Load> MakeLoad(const Arguments& arguments) {
  using Maker = std::unique_ptr<Load> (*)(const Arguments&);
  constexpr std::pair<std::string_view, Maker> kLoads[] = {
      {"ping", MakePingLoad},       {"set", MakeSetLoad},         {"get", MakeGetLoad},
      {"session", MakeSessionLoad}, {"hset", MakeHsetLoad},       {"mset", MakeMsetLoad},
      {"mget", MakeMgetLoad},       {"reserve", MakeReserveLoad}, {"confirm", MakeConfirmLoad},
      {"release", MakeReleaseLoad}, {"reads", MakeReadsLoad},     {"lifecycle", MakeLifecycleLoad},
      {"soldout", MakeSoldoutLoad}, {"early", MakeEarlyLoad},     {"limit", MakeLimitLoad},
  };
  for (const auto& [name, make] : kLoads) {
    if (name == arguments.load) return make(arguments);
  }
  Invariant(false);
  return nullptr;
}

}  // namespace holdfast::bench
