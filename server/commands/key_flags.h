#pragma once

#include <string_view>

#include "server/command.h"

namespace holdfast {

// What a command does with its keys, in the words of COMMAND and COMMAND GETKEYSANDFLAGS: RO, RW,
// OW (written, not read) or RM for the value as a whole, then what becomes of its data. Redis tells
// a command's first key and its others apart where they fare differently (RENAME).
struct KeyFlags {
  std::string_view first;
  std::string_view others;
  bool variable = false;  // the words of a command decide, see FlagsOfKey

  bool same() const { return first == others; }
};

KeyFlags KeyFlagsOf(const CommandSpec& row);

// Of one key of a whole command line. Requires: it is the line's `position`th word.
std::string_view FlagsOfKey(const CommandSpec& row, Args line, size_t position);

}  // namespace holdfast
