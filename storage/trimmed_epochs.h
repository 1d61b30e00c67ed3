// TrimmedEpochs: how the epochs began whose opening batches are no longer in the log. The meta row
// "epochs", written before the segment that holds such a batch goes. A sealed row
// (storage/sealed_row.h) of format "HFE1":
//
//   count:u32 | count x (index:u64, opening batch as a word)
//
// By rising index. A crash between the row and the drop leaves starts in it that the log still
// tells of itself; these do not count.
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/epochs.h"

namespace holdfast {

inline constexpr std::string_view kTrimmedEpochsKey = "epochs";

std::string EncodeTrimmedEpochs(const Epochs& epochs);
// kDamaged unless `row` is what EncodeTrimmedEpochs makes; kInvalid, naming the format, for one of
// a later version.
Status DecodeTrimmedEpochs(std::string_view row, Epochs& out);

}  // namespace holdfast
