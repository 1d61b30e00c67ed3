// ArrivingMark: another node's state is being put in the place of this one's. The meta row
// "arriving", there from before the first step that destroys anything until log and snapshot are
// whole: a start that finds it gives up what there is and begins with an empty log. A sealed row
// (storage/sealed_row.h) of format "HFA1":
//
//   history:16 bytes | epoch:u64 | index:u64
//                      '- of the last batch before those that the log is to have
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/group.h"
#include "storage/history.h"

namespace holdfast {

inline constexpr std::string_view kArrivingKey = "arriving";

struct ArrivingMark {
  HistoryId history{};
  LogPlace last{};

  bool operator==(const ArrivingMark&) const = default;
};

std::string EncodeArrivingMark(const ArrivingMark& mark);
// kDamaged unless `row` is exactly what EncodeArrivingMark makes; kInvalid, naming the format, for
// one of a later version.
Status DecodeArrivingMark(std::string_view row, ArrivingMark& out);

}  // namespace holdfast
