// What the commands about a connection share.
#pragma once

#include <string_view>

#include "server/command.h"

namespace holdfast {

// Names and other labels that clients give themselves: visible ASCII, so that CLIENT LIST stays
// one line with blanks between fields.
inline constexpr size_t kClientLabelBytesMax = 1024;
bool IsClientLabel(std::string_view label);

inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace holdfast
