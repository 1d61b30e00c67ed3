// The scripts of bench/lua, compiled in: the tool is one file that runs anywhere.
#pragma once

#include <string_view>

namespace holdfast::bench {

extern const std::string_view kReserveLua;
extern const std::string_view kConfirmLua;
extern const std::string_view kReleaseLua;
extern const std::string_view kReserveBareLua;

}  // namespace holdfast::bench
