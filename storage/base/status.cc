#include "storage/base/status.h"

#include <system_error>

namespace holdfast {

Status Status::FromErrno(std::string_view what, int error_number) {
  return Io(std::string(what) + ": " + std::generic_category().message(error_number));
}

}  // namespace holdfast
