// What the rows of many small commands share.
#pragma once

#include <string_view>

#include "server/command.h"

namespace holdfast {

// Of a command that runs on its connection's own shard and has no keys.
constexpr CommandSpec ClientRow(std::string_view group, std::string_view name, CommandFunction run,
                                int arity, uint32_t flags, std::string_view args,
                                std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = flags,
          .home = Home::kClient,
          .group = group,
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

// Of a command that is only the first word of others.
constexpr CommandSpec ContainerRow(std::string_view group, std::string_view name,
                                   std::string_view summary) {
  return ClientRow(group, name, nullptr, -2, kContainer, "", summary);
}

}  // namespace holdfast
