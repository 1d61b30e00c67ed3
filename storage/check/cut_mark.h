// CutMark: what of an interrupted cut (storage/check/cut_tail.h) has to be finished. The meta row
// "cut", there from the moment in which the copy is whole until the segment has its rows back. A
// sealed row (storage/sealed_row.h) of format "HFC1":
//
//   segment:u64 | keep_to:u64 | rows:u64
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/log.h"

namespace holdfast {

inline constexpr std::string_view kCutKey = "cut";

struct CutMark {
  uint64_t segment = 0;  // this one gets what "cut-<segment>" holds; those above it go
  Index keep_to = 0;     // the last index that stays
  uint64_t rows = 0;     // of the copy

  bool operator==(const CutMark&) const = default;
};

std::string EncodeCutMark(const CutMark& mark);
// kDamaged unless `row` is exactly what EncodeCutMark makes; kInvalid, naming the format, for one
// of a later version.
Status DecodeCutMark(std::string_view row, CutMark& out);

}  // namespace holdfast
