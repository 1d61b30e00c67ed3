// Arbitrary bytes on one line that can be read and typed in again, as redis-cli and MONITOR show
// them: "a b\n\x01".
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

void AppendQuoted(std::string& out, std::string_view bytes);

}  // namespace holdfast
