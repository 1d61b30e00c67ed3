// What OBJECT tells of a key, for others that tell it, too.
#pragma once

#include <string_view>

#include "storage/core/entry.h"

namespace holdfast {

// As Redis would keep the value: told from the content.
std::string_view EncodingOf(const Entry& entry);

}  // namespace holdfast
