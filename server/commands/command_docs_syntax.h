// The syntax line of a command's row as the tree of arguments that COMMAND DOCS tells, from which
// clients make their hints.
//
//   line     = item*                      "sku hold units [EX s|PX ms] [BUYER id]"
//   item     = choice | "[" line "]" | "[" line "..." "]"      optional; optional and repeated
//   choice   = single ("|" single)*       binds closer than a blank
//   single   = word | TOKEN value*        a TOKEN is in capitals
//   value    = word ("|" word)*           "TYPE normal|pubsub"
//
// A token takes one value, inside brackets all words up to the next token; none if a "|" follows it
// at once, as in BEFORE|AFTER. "key [key ...]" is one argument that may be repeated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

struct Argument {
  enum class Type : uint8_t {
    kString,
    kInteger,
    kDouble,
    kKey,
    kPattern,
    kUnixTime,
    kPureToken,
    kOneOf,  // of `arguments`
    kBlock,  // all of `arguments`
  };

  std::string name;
  Type type = Type::kString;
  std::string token = {};  // stands before the value; empty: none
  bool optional = false;
  bool multiple = false;
  std::vector<Argument> arguments = {};

  bool operator==(const Argument&) const = default;
};

std::string_view TypeName(Argument::Type type);

// Pure. Requires: brackets match; the lines come from our own tables.
std::vector<Argument> ParseArguments(std::string_view line);

}  // namespace holdfast
