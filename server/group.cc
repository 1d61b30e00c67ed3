#include "server/group.h"

#include <algorithm>

#include "server/shard/key_dump.h"

namespace holdfast {
namespace {

std::string NameOf(DbIndex db, std::string_view key) {
  std::string name(1, static_cast<char>(db));
  name += key;
  return name;
}

}  // namespace

size_t KeyCount(const CommandSpec& command, Args args) {
  if (command.keys.first <= 0) return 0;
  const auto first = static_cast<size_t>(command.keys.first);
  const size_t end = command.keys.last >= 0
                         ? static_cast<size_t>(command.keys.last) + 1
                         : args.size() + 1 - static_cast<size_t>(-command.keys.last);
  const auto step = static_cast<size_t>(command.keys.step);
  return end <= first ? 0 : (std::min(end, args.size()) - first + step - 1) / step;
}

// ---- gathered

void GatheredKeys::Add(DbIndex db, std::string_view key, std::string_view dump) {
  Key gathered;
  gathered.view = ReadKeyDump(key, dump, gathered.entry, too_large);
  keys_.insert_or_assign(NameOf(db, key), std::move(gathered));
}

const KeyView& GatheredKeys::Look(DbIndex db, std::string_view key) const {
  const auto found = keys_.find(NameOf(db, key));
  Invariant(found != keys_.end());
  return found->second.view;
}

void GatheredKeys::NoteDeleted(DbIndex db, std::string_view key) {
  const auto found = keys_.find(NameOf(db, key));
  Invariant(found != keys_.end());
  found->second = {};
}

void GatheredKeys::NoteWritten(DbIndex db, std::string_view key) {
  const auto found = keys_.find(NameOf(db, key));
  Invariant(found != keys_.end());
  found->second.view.exists = true;
}

// ---- one command

namespace {

KeyView ViewOf(const Entry* entry) {
  if (entry == nullptr) return {};
  return {.exists = true, .type = entry->type(), .deadline = entry->deadline(), .entry = entry};
}

}  // namespace

uint64_t GroupContext::skus() const {
  return gathered_ != nullptr ? gathered_->skus : here_.shard.keyspace().StockCount();
}

const KeyPlace& GroupContext::PlaceOf(size_t i) {
  const size_t window = i - i % kWindow;
  if (places_.empty() || window != window_) {
    window_ = window;
    places_.clear();
    for (size_t at = window; at < std::min(window + kWindow, keys()); ++at)
      places_.push_back(here_.shard.At(DbOf(at), key(at)));
    if (places_.size() > 1) here_.shard.keyspace().Prefetch(places_);
  }
  return places_[i - window];
}

void GroupContext::Notify(size_t i, EventFlag kind, std::string_view event) {
  const MutationPlace place{.db = DbOf(i), .slot = SlotOf(key(i)), .key = key(i)};
  if (gathered_ == nullptr) return here_.shard.Notify(kind, place, event);
  if (!here_.shard.Notifies(kind)) return;
  AppendKeyEvent(
      gathered_->events,
      {.gated = here_.shard.GatesKeys(), .db = place.db, .event = event, .key = place.key});
}

// Of a key that is elsewhere, whose shard applies without a word.
void GroupContext::NoteWritten(size_t i) {
  if (!here_.shard.Notifies(kNewEvents)) return;
  if (!gathered_->Look(DbOf(i), key(i)).exists) Notify(i, kNewEvents, "new");
  gathered_->NoteWritten(DbOf(i), key(i));
}

KeyView GroupContext::Look(size_t i) {
  if (gathered_ != nullptr) return gathered_->Look(DbOf(i), key(i));
  return ViewOf(here_.shard.Find(here_, PlaceOf(i)));
}

KeyView GroupContext::Peek(size_t i) {
  if (gathered_ != nullptr) return gathered_->Look(DbOf(i), key(i));
  return ViewOf(here_.shard.Peek(here_, PlaceOf(i)));
}

KeyView GroupContext::CountAsRead(size_t i, const KeyView& view) {
  (view.exists ? metrics().keyspace_hits : metrics().keyspace_misses).Add();
  if (!view.exists) Notify(i, kMissEvents, "keymiss");
  return view;
}

}  // namespace holdfast
