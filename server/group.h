// A command over several keys is one function over this: it looks at the keys, decides, and commits
// mutations, all at one instant. Whether the keys live on one shard or on several does not show.
//
//   all keys on one shard    looks at the entries themselves, and commits as any other command
//   keys on several shards   looks at what their locked slots held (server/shard/groups.h), and its
//                            mutations become one group in the log
//
// Owner thread: the shard that decides.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "server/command.h"
#include "server/shard/shard.h"
#include "storage/core/entry.h"
#include "storage/core/key_mutations.h"

namespace holdfast {

inline bool HasKey(const CommandSpec& command, Args args) {
  return command.keys.first > 0 && args.size() > static_cast<size_t>(command.keys.first);
}
// The i-th key of a command line.
size_t KeyCount(const CommandSpec& command, Args args);
inline std::string_view KeyWord(const CommandSpec& command, Args args, size_t i) {
  return args[static_cast<size_t>(command.keys.first) + i * static_cast<size_t>(command.keys.step)];
}
inline DbIndex KeyDb(const CommandSpec& command, Args args, size_t i, DbIndex db) {
  return command.key_db == nullptr ? db : command.key_db(args, i, db);
}

struct KeyView {
  bool exists = false;
  KeyType type = KeyType::kString;
  UnixMs deadline = kNever;
  // Where the row gathers this key's value. Valid until the next Commit to this key.
  const Entry* entry = nullptr;
};

// What a group over several shards has learnt of its keys, and what it decides about them.
class GatheredKeys {
 public:
  // Fills in one key from its dump (server/shard/key_dump.h).
  void Add(DbIndex db, std::string_view key, std::string_view dump);
  const KeyView& Look(DbIndex db, std::string_view key) const;
  void NoteDeleted(DbIndex db, std::string_view key);
  void NoteWritten(DbIndex db, std::string_view key);

  uint64_t skus = 0;       // on all shards, where the group holds every slot
  bool gated = false;      // stock is among what it changes
  bool too_large = false;  // a value that it needs was left out
  std::string events;      // server/shard/key_events.h
  // By the shard that applies them.
  absl::btree_map<ShardId, std::string> mutations;

 private:
  struct Key {
    KeyView view;
    Entry::Handle entry;
  };
  // Under the key's bytes with the database's number before them.
  absl::flat_hash_map<std::string, Key> keys_;
};

class GroupContext {
 public:
  // On the shard that owns all keys.
  GroupContext(const CommandSpec& command, CommandContext& here, Args args)
      : command_(command), here_(here), args_(args) {}
  // Over what was gathered; `here` is the coordinator's.
  GroupContext(const CommandSpec& command, CommandContext& here, Args args, GatheredKeys& gathered)
      : command_(command), here_(here), args_(args), gathered_(&gathered) {}

  RespWriter& reply() { return here_.reply; }
  UnixMs now() const { return here_.now.now; }
  DbIndex db() const { return here_.db; }
  const Config& config() const { return here_.shard.config(); }
  ShardMetrics& metrics() { return here_.shard.metrics(); }

  size_t keys() const { return KeyCount(command_, args_); }
  std::string_view key(size_t i) const { return KeyWord(command_, args_, i); }
  // The key as it is now, this command's own commits included: after one that did not delete it,
  // only `exists` is to be relied on.
  KeyView Look(size_t i);
  // The same for who only asks about the key: no use of it that OBJECT IDLETIME would count from.
  KeyView Peek(size_t i);
  // A look-up for reading: counted as keyspace_hits or keyspace_misses.
  KeyView Read(size_t i) { return CountAsRead(i, Look(i)); }
  KeyView PeekForRead(size_t i) { return CountAsRead(i, Peek(i)); }

  // Views in the mutation may point anywhere but into this key's own entry.
  template <typename M>
  void Commit(size_t i, const M& mutation) {
    const DbIndex db = KeyDb(command_, args_, i, here_.db);
    if (gathered_ == nullptr) {
      here_.place = PlaceOf(i);
      here_.shard.Commit(here_, mutation);
      return;
    }
    const MutationPlace place{.db = db, .slot = SlotOf(key(i)), .key = key(i)};
    if constexpr (!std::is_same_v<M, KeyDeleted>) NoteWritten(i);
    AppendMutation(gathered_->mutations[here_.shard.server().map.OwnerOf(place.slot)], place,
                   mutation);
    if constexpr (std::is_same_v<M, KeyDeleted>) gathered_->NoteDeleted(db, key(i));
  }

  // As Shard::Notify.
  void Notify(size_t i, EventFlag kind, std::string_view event);

  // For rows that need every slot: the stock of all shards, and what changes whole databases.
  uint64_t skus() const;
  template <typename M>
  void CommitEverywhere(DbIndex db, const M& mutation) {
    const bool gated = skus() > 0;
    for (int number = 0; number < kPartitions; ++number) {
      const MutationPlace place{
          .db = db, .slot = static_cast<Slot>(number * kSlotsPerPartition), .key = {}};
      if (gathered_ == nullptr) {
        here_.shard.CommitPartition(here_, place, mutation, gated);
        continue;
      }
      gathered_->gated |= gated;
      AppendMutation(gathered_->mutations[here_.shard.server().map.OwnerOf(place.slot)], place,
                     mutation);
    }
  }

 private:
  // So many keys are prepared for their look-ups together.
  static constexpr size_t kWindow = 16;

  DbIndex DbOf(size_t i) const { return KeyDb(command_, args_, i, here_.db); }
  // On the shard that owns all keys.
  const KeyPlace& PlaceOf(size_t i);
  void NoteWritten(size_t i);
  KeyView CountAsRead(size_t i, const KeyView& view);

  const CommandSpec& command_;
  CommandContext& here_;
  Args args_;
  GatheredKeys* gathered_ = nullptr;
  // Of the keys from window_ on.
  absl::InlinedVector<KeyPlace, kWindow> places_;
  size_t window_ = 0;
};

}  // namespace holdfast
