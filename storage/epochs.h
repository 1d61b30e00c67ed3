// Epochs: which epoch wrote which part of a log. Each begins with a batch that says so, and with
// nothing before it in that epoch:
//
//   index   1 . . . . . 41 | 42 . . . . 97 | 98 . . . 120
//   epoch        1         |       2       |      4          (3 was promised, and never opened)
//
// By it a batch's place is known from its index alone, and two logs of one history find where they
// part without comparing a byte. (Logs begun by version 0.1.0 have no such batches at their
// beginning: there an epoch's first record tells, and nobody its group.) It tells of the log's
// retained part; of what was trimmed away it knows the last epoch.
#pragma once

#include <vector>

#include "storage/group.h"
#include "storage/log.h"

namespace holdfast {

struct EpochStart {
  Epoch epoch = 0;
  Index first = 0;  // of the batch that opened it
  Group group = {};

  bool operator==(const EpochStart&) const = default;
};

class Epochs {
 public:
  bool empty() const { return starts_.empty(); }
  const std::vector<EpochStart>& starts() const { return starts_; }
  // The last one's. 0, and nobody, if there is none.
  Epoch last() const { return empty() ? 0 : starts_.back().epoch; }
  const Group& group() const;

  // Requires: both its epoch and its first index lie above the last one's.
  void Begin(EpochStart start);
  // The log was cut: nothing behind `last` is left.
  void CutTo(Index last);
  // The log was trimmed: nothing below `first` is left. Keeps the epoch that `first` lies in.
  void TrimTo(Index first);

  // Whose batch `index` is; 0 where that is not known: before the first, and for index 0.
  Epoch At(Index index) const;
  // The last batch that a log, which ends with `last`, has of the epoch `epoch` or, where it has
  // none of it, of the last one before; {0, 0}: none.
  LogPlace EndOf(Epoch epoch, Index last) const;

  bool operator==(const Epochs&) const = default;

 private:
  std::vector<EpochStart> starts_;
};

}  // namespace holdfast
