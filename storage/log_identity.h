// LogIdentity: whose log this is, durably: its history, the node that holds it, what that node has
// promised, and which epoch wrote which part of it. Three homes, because they part ways: the
// history and the epochs are the data's and go with a backup, the node and its promise are the
// directory's and do not.
//
//   meta row "history"   storage/history.h          raised before a batch of a higher epoch is
//   written meta row "epochs"    storage/trimmed_epochs.h   before the opening of an epoch is
//   trimmed file "node"          storage/node_mark.h        before a promise is given
//
// The table of epochs itself is read from the log's openings at a start.
#pragma once

#include <mutex>
#include <string>

#include "storage/epochs.h"
#include "storage/history.h"
#include "storage/node_mark.h"
#include "storage/record.h"

namespace holdfast {

class Database;

// Any thread; whoever writes waits for the disk.
class LogIdentity {
 public:
  // `database` must outlive it.
  LogIdentity(Database& database, std::string node_path)
      : database_(database), node_path_(std::move(node_path)) {}

  // First one of these two. kNotFound: the log has not begun.
  Status Open();
  Status Begin(const HistoryId& id);

  History history() const;
  NodeId node() const;
  Promise promise() const;
  Epochs epochs() const;
  Epoch last_epoch() const;

  Status KeepPromise(const Promise& promise);
  // Before the first batch of `epoch` is written.
  Status RaiseEpoch(Epoch epoch);
  // What a replay found, what was appended, what was cut off.
  void SetEpochs(Epochs epochs);
  void NoteEpoch(EpochStart start);
  // As storage/opening.h: a record that a primary sent, before it is appended.
  Status NoteRecord(const RecordView& record);
  void CutEpochs(Index last);
  // Before anything below `first` is dropped.
  Status KeepEpochsBelow(Index first);

 private:
  Status OpenNode();

  Database& database_;
  const std::string node_path_;

  mutable std::mutex mutex_;
  std::mutex file_mutex_;  // one write of a home at a time; taken before mutex_
  // Under mutex_.
  History history_;
  NodeMark node_;
  Epochs epochs_;
  Epochs trimmed_;  // as the row has it
};

}  // namespace holdfast
