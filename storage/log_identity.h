// LogIdentity: whose log this is, durably: its history, the node that holds it, what that node has
// promised, and which epoch wrote which part of it. Three homes, because they part ways: the
// history and the epochs are the data's and go with a backup, the node and its promise are the
// directory's and do not.
//
//   home                 format                     written before
//   meta row "history"   storage/history.h          a batch of a higher epoch
//   meta row "epochs"    storage/trimmed_epochs.h   the opening of an epoch is trimmed
//   file "node"          storage/node_mark.h        a promise is given
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
  // Those that began before, or at, `last`; also ones that began before the log does, as far as is
  // known.
  Epochs EpochsUpTo(Index last) const;
  Epoch last_epoch() const;

  Status KeepPromise(const Promise& promise);
  // Draws another name for the directory, which has promised nothing.
  Status RenameNode();
  // Before the first batch of `epoch` is written.
  Status RaiseEpoch(Epoch epoch);
  // What a replay found, what was appended, what was cut off.
  void SetEpochs(Epochs epochs);
  void NoteEpoch(EpochStart start);
  // As storage/opening.h: a record that a primary sent, before it is appended.
  Status NoteRecord(const RecordView& record);
  void CutEpochs(Index last);
  // Another node's, whose epochs are no longer in the log. The node stays what it is.
  Status Replace(const History& history, const Epochs& trimmed);
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
