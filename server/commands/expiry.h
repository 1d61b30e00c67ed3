// Deadlines as clients give them: EX seconds, PX milliseconds, EXAT and PXAT Unix time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/server_time.h"

namespace holdfast {

enum class ExpiryForm : uint8_t { kNone, kEx, kPx, kExAt, kPxAt };

constexpr bool IsInSeconds(ExpiryForm form) {
  return form == ExpiryForm::kEx || form == ExpiryForm::kExAt;
}
constexpr bool IsAbsolute(ExpiryForm form) {
  return form == ExpiryForm::kExAt || form == ExpiryForm::kPxAt;
}

// Of the option's name, in any case; kNone if it is another word.
ExpiryForm ExpiryFormOf(std::string_view word);

// The instant that `number` means in this form, perhaps one long past; nothing if it is not within
// int64 milliseconds. Requires: not kNone.
std::optional<UnixMs> DeadlineOf(ExpiryForm form, int64_t number, UnixMs now);

}  // namespace holdfast
