// StateReader: all that a node holds, for another one to begin with: the current snapshot, and
// where the log goes on behind it. It reads beside a server that serves: newer snapshots take the
// place of this one meanwhile, and nothing waits.
//
//   log   . . . . . | record: 95 96 97 | . . . . . . . . .
//          last: 94 -'   oldest cut: 96       newest cut: 140
//
// Whoever takes it stores the log from the record that holds the oldest cut on: so its log is not
// empty when it reaches the newest one, from where on the two are all that was acked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/epochs.h"
#include "storage/group.h"
#include "storage/history.h"
#include "storage/snapshot_mark.h"

namespace holdfast {

class LogSegments;
class SnapshotCursor;

struct StateHead {
  History history{};
  Epochs epochs{};      // up to `last`
  LogPlace last{};      // the log is needed from behind it
  SnapshotMark mark{};  // number 0: there is no snapshot, and so no row, and the log has all
};

// Whether they are one and the same state: then the rows of both are, too. (Its history's epoch
// counts on meanwhile.)
bool IsSameState(const StateHead& one, const StateHead& other);

// How far somebody has come with a state.
struct StatePlace {
  uint64_t rows = 0;
  std::string key{};  // of the last one; empty: there is none yet
};

// Owner: one thread at a time. As long as it lives the log is kept behind head().last, as far as
// RocksLogOptions::pinned_bytes_max lets it. Must go before its log does.
class StateReader {
 public:
  // RocksLog::ReadState makes one. `rows` may be null.
  StateReader(StateHead head, std::unique_ptr<SnapshotCursor> rows, LogSegments& segments);
  ~StateReader();
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;

  const StateHead& head() const { return head_; }

  // Goes on with the first row whose key is greater, also after the last one was read; empty: with
  // the first of all. Any key will do, of a row or not.
  void SeekBehind(std::string_view key);
  // `out` is the next rows in the order of their keys, each its key and its value as words
  // (storage/base/bytes.h), until they reach bytes_max; one in any case. Empty: that was all.
  // kDamaged: a row is not as it was written, or some are missing; the latter can tell only who has
  // them all, so after SeekBehind a key it is the taker's to count.
  Status Read(uint64_t bytes_max, std::string& out);

 private:
  const StateHead head_;
  std::unique_ptr<SnapshotCursor> rows_;
  LogSegments& segments_;
  uint64_t rows_read_ = 0;
  bool from_the_first_ = true;
  bool at_end_ = false;
};

}  // namespace holdfast
