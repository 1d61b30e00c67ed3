#include "storage/recovery.h"

#include <algorithm>
#include <utility>

#include "storage/core/mutation.h"
#include "storage/opening.h"

namespace holdfast {
namespace {

// Between what is wrong and what to do about it.
constexpr std::string_view kRefusing = "; refusing to start on damaged data: ";

std::string AtIndex(Index index) { return "the log at index " + std::to_string(index); }

}  // namespace

Status RefuseAsDamaged(std::string_view where, std::string_view what) {
  std::string text(where);
  text += ": ";
  text += what;
  text += kRefusing;
  text +=
      "'holdfast-check DIR' shows where, and whether cutting the log's tail makes it whole; or "
      "restore "
      "the directory from a backup or a replica, or move it away to begin empty";
  return Status::Damaged(std::move(text));
}

std::string_view WithoutRemedy(std::string_view text) {
  return text.substr(0, text.find(kRefusing));
}

Recovery::Recovery(const History& history, Epochs trimmed, const Cuts& cuts, const ReplayFn& fn,
                   Index up_to)
    : history_(history),
      cuts_(cuts),
      fn_(fn),
      up_to_(up_to),
      oldest_cut_(*std::min_element(cuts.begin(), cuts.end())),
      newest_cut_(*std::max_element(cuts.begin(), cuts.end())),
      epochs_(std::move(trimmed)) {}

Status Recovery::CheckPlace(const RecordHeader& header) const {
  if (header.history != history_.id) {
    return RefuseAsDamaged(
        AtIndex(header.first),
        "it belongs to another history, " + header.history.Hex() + " and not " + history_.id.Hex());
  }
  const bool begins = replayed_.records == 0;
  if (begins && header.first > oldest_cut_ + 1) {
    return RefuseAsDamaged(AtIndex(header.first), "the log begins here, but is needed from index " +
                                                      std::to_string(oldest_cut_ + 1));
  }
  if (!begins && header.first != replayed_.last + 1) {
    return RefuseAsDamaged(
        AtIndex(replayed_.last + 1),
        "it is missing, the next record begins with index " + std::to_string(header.first));
  }
  return Status::Ok();
}

Status Recovery::Take(std::string_view record) {
  if (Status status = DecodeRecord(record, record_); !status.ok()) {
    return RefuseAsDamaged(AtIndex(replayed_.last + 1), status.text());
  }
  const RecordHeader& header = record_.header;
  if (Status status = CheckPlace(header); !status.ok()) return status;
  if (replayed_.records == 0) {
    replayed_.first = header.first;
    epochs_.CutTo(header.first - 1);
    epochs_.TrimTo(header.first);
  }
  if (header.epoch > history_.epoch) {
    return RefuseAsDamaged(AtIndex(header.first),
                           "its epoch " + std::to_string(header.epoch) + " was never opened, " +
                               std::to_string(history_.epoch) + " is the last");
  }
  if (Status status = NoteRecord(record_, epochs_); !status.ok()) {
    return RefuseAsDamaged(AtIndex(header.first), status.text());
  }
  if (Status status = PassOnBatches(); !status.ok()) return status;
  replayed_.last = header.last();
  replayed_.acked = std::max(replayed_.acked, header.acked);
  replayed_.server_time = std::max(replayed_.server_time, header.server_time);
  ++replayed_.records;
  return Status::Ok();
}

Status Recovery::PassOnBatches() {
  if (IsOpening(record_.batches.front().mutations)) return Status::Ok();
  Index index = record_.header.first;
  for (const BatchView& batch : record_.batches) {
    if (index > up_to_) break;
    if (Status status = PassOn(index, batch.mutations); !status.ok()) return status;
    ++index;
  }
  return Status::Ok();
}

Status Recovery::PassOn(Index index, std::string_view mutations) {
  if (index > newest_cut_) return fn_(index, mutations);
  // Partly in the snapshot: only what lies above its partition's cut is news.
  above_cut_.clear();
  ByteReader reader(mutations);
  MutationView mutation;
  std::string_view rest = reader.rest();
  while (NextMutation(reader, mutation)) {
    const std::string_view whole = rest.substr(0, rest.size() - reader.rest().size());
    if (index > cuts_[PartitionOf(mutation.place.slot)]) above_cut_.append(whole);
    rest = reader.rest();
  }
  return above_cut_.empty() ? Status::Ok() : fn_(index, above_cut_);
}

Status Recovery::Finish(Index witness, UnixMs witness_time) {
  const Index needed = std::max(witness, newest_cut_);
  if (replayed_.last < needed) {
    return RefuseAsDamaged(AtIndex(replayed_.last),
                           std::string("it ends here, but ") +
                               (witness == needed ? "was known to be on disk up to index "
                                                  : "the snapshot needs it up to index ") +
                               std::to_string(needed));
  }
  replayed_.server_time = std::max(replayed_.server_time, witness_time);
  return Status::Ok();
}

}  // namespace holdfast
