// Opening: the batch with which an epoch begins in a log, alone in its record. It names the batch
// that it follows, so that a log in which two primaries' batches got mixed shows it, and says who
// leads. Bytes: storage/core/epoch_opened.h.
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/epochs.h"
#include "storage/group.h"
#include "storage/record.h"

namespace holdfast {

struct Opening {
  Epoch epoch = 0;
  LogPlace before{};  // the batch in front of it; {0, 0}: none was ever
  Group group{};

  bool operator==(const Opening&) const = default;
};

// Requires: at most 65535 members.
std::string EncodeOpening(const Opening& opening);
// Whether a batch is one, going by its first mutation.
bool IsOpening(std::string_view mutations);
// kDamaged unless `mutations` is exactly what EncodeOpening makes of an epoch behind `before`.
Status DecodeOpening(std::string_view mutations, Opening& out);

// The next record of a log: of the epoch of the one in front of it, or with nothing but the opening
// of a higher one, which goes into the log's table. kDamaged, saying why, if it is neither, or has
// an opening in its midst. Only at the beginning of a log that version 0.1.0 began an epoch may
// begin without: nobody is said to have led it. Requires: it follows in index; `epochs` tells of
// all in front of it.
Status NoteRecord(const RecordView& record, Epochs& epochs);

}  // namespace holdfast
