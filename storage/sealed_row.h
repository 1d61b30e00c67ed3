// Sealed row: how a small thing that stands alone on disk is written.
//
//   format: 4 bytes, "HFS1" | body | XXH3-64 of all before
//
// In every format it begins with those four bytes, the last of which is the version, and ends with
// that hash over the rest, so that a later one is told from damage.
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"

namespace holdfast {

std::string SealRow(std::string_view format, std::string_view body);

// `body` is what SealRow was given, pointing into `row`. kDamaged unless SealRow made it; kInvalid,
// naming the format, for one of a later version. `what` names the thing: "snapshot".
Status OpenRow(std::string_view what, std::string_view format, std::string_view row,
               std::string_view& body);

// For a body that is not what it should be.
Status DamagedRow(std::string_view what);

}  // namespace holdfast
