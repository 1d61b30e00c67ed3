#include "bench/loads/load.h"

#include <string_view>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast::bench {

std::unique_ptr<Load> MakeLoad(const Arguments& arguments) {
  using Maker = std::unique_ptr<Load> (*)(const Arguments&);
  constexpr std::pair<std::string_view, Maker> kLoads[] = {
      {"session", MakeSessionLoad},     {"hset", MakeHsetLoad},       {"mset", MakeMsetLoad},
      {"mget", MakeMgetLoad},           {"set", MakeSetLoad},         {"get", MakeGetLoad},
      {"reserve", MakeReserveLoad},     {"soldout", MakeSoldoutLoad}, {"reads", MakeReadsLoad},
      {"lifecycle", MakeLifecycleLoad},
  };
  for (const auto& [name, make] : kLoads) {
    if (name == arguments.load) return make(arguments);
  }
  Invariant(false);
  return nullptr;
}

}  // namespace holdfast::bench
