#include "storage/opening.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/core/epoch_opened.h"

namespace holdfast {
namespace {

Status Damage() { return Status::Damaged("the batch that opens an epoch is malformed"); }

NodeId NodeOf(std::string_view bytes) {
  NodeId id;
  std::memcpy(id.bytes.data(), bytes.data(), id.bytes.size());
  return id;
}

bool IsAtItsPlace(const MutationPlace& place) {
  const MutationPlace& its = EpochOpened::kPlace;
  return place.db == its.db && place.slot == its.slot && place.key == its.key;
}

std::string TextOf(const LogPlace& place) {
  return "index " + std::to_string(place.index) + " of epoch " + std::to_string(place.epoch);
}

}  // namespace

std::string EncodeOpening(const Opening& opening) {
  EpochOpened opened{.epoch = opening.epoch,
                     .epoch_before = opening.before.epoch,
                     .index_before = opening.before.index,
                     .primary = opening.group.primary.view(),
                     .version = opening.group.version,
                     .sync_set = {}};
  for (const Member& member : opening.group.sync_set) {
    opened.sync_set.push_back({.id = member.id.view(), .address = member.address});
  }
  std::string batch;
  AppendMutation(batch, EpochOpened::kPlace, opened);
  return batch;
}

bool IsOpening(std::string_view mutations) {
  return !mutations.empty() &&
         static_cast<MutationKind>(mutations.front()) == MutationKind::kEpochOpened;
}

Status DecodeOpening(std::string_view mutations, Opening& out) {
  ByteReader batch(mutations);
  MutationView mutation{};
  if (!NextMutation(batch, mutation) || !batch.AtEnd()) return Damage();
  if (mutation.kind != MutationKind::kEpochOpened || !IsAtItsPlace(mutation.place)) return Damage();
  ByteReader body(mutation.body);
  const EpochOpened opened = EpochOpened::DecodeBody(body);
  if (!body.AtEnd() || opened.epoch <= opened.epoch_before) return Damage();
  out = {.epoch = opened.epoch,
         .before = {.epoch = opened.epoch_before, .index = opened.index_before},
         .group = {.primary = NodeOf(opened.primary), .sync_set = {}, .version = opened.version}};
  out.group.sync_set.reserve(opened.sync_set.size());
  for (const EpochOpened::Member& member : opened.sync_set) {
    out.group.sync_set.push_back({.id = NodeOf(member.id), .address = std::string(member.address)});
  }
  return Status::Ok();
}

Status NoteRecord(const RecordView& record, Epochs& epochs) {
  const RecordHeader& header = record.header;
  const LogPlace before{.epoch = epochs.last(), .index = header.first - 1};
  const std::string epoch = "epoch " + std::to_string(header.epoch);
  if (header.epoch < before.epoch) {
    return Status::Damaged("it is of " + epoch + " behind one of epoch " +
                           std::to_string(before.epoch));
  }
  const auto is_opening = [](const BatchView& batch) { return IsOpening(batch.mutations); };
  const bool opens = std::ranges::any_of(record.batches, is_opening);
  if (header.epoch == 0) return Status::Damaged("it is of no epoch");
  if (header.epoch == before.epoch) {
    return opens ? Status::Damaged(epoch + " begins a second time") : Status::Ok();
  }
  // Version 0.1.0 had no openings: what it wrote, at the log's beginning, steps up without.
  const bool nobody_led = epochs.group().primary == NodeId{};
  if (!opens && nobody_led) {
    epochs.Begin({.epoch = header.epoch, .first = header.first});
    return Status::Ok();
  }
  if (record.batches.size() != 1 || !opens) {
    return Status::Damaged(epoch + " begins here without a record that opens it");
  }
  Opening opening;
  Status decoded = DecodeOpening(record.batches.front().mutations, opening);
  if (!decoded.ok()) return decoded;
  if (opening.epoch != header.epoch || opening.before != before) {
    return Status::Damaged("it opens epoch " + std::to_string(opening.epoch) + " behind " +
                           TextOf(opening.before) + ", but is of " + epoch + " and lies behind " +
                           TextOf(before));
  }
  epochs.Begin({.epoch = header.epoch, .first = header.first, .group = std::move(opening.group)});
  return Status::Ok();
}

}  // namespace holdfast
