// GroupPart: one shard's share in groups (server/shard/groups.h). Between its grant and its end a
// group owns its slots here: no other command, no timer and no sweep touches them, so what it
// changes may stand in memory before it is in the log.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "server/shard/key_dump.h"
#include "server/shard/letters.h"
#include "server/shard/shard.h"
#include "server/shard/slot_locks.h"

namespace holdfast {

class Router;

// The words of a lock: [slots] [watches] [ask] ...; of a gather: [ask] ...
std::string PackSlots(const SlotList& slots);
SlotList UnpackSlots(std::string_view packed);
std::string PackAsk(KeyAsk ask, DbIndex db, std::string_view key);

class GroupPart {
 public:
  GroupPart(Router& router, Shard& shard) : router_(router), shard_(shard) {}

  // Requires: nobody else is at the slots. False: a SKU has more due than one turn settles, try
  // again. The reply of a grant and of a gather:
  //
  //   watched keys are unchanged:u8  SKUs of this shard:u64  mutations word |
  //   events word | dump words (server/shard/key_dump.h)
  //
  // The mutations are keys that were found past their deadline.
  [[nodiscard]] bool Lock(const RequestHeader& request, Args words, std::string& out,
                          TurnStamp& gate);
  void Gather(const RequestHeader& request, Args words, std::string& out, TurnStamp& gate);
  // The reply of a command: gated:u8 | mutations word | events word | the command's own reply
  void Perform(const RequestHeader& request, Args words, std::string& out, TurnStamp& gate);
  void Apply(Args words) { shard_.ApplyOfGroup(words[0]); }
  // [index of the group in the log, or 0 where nobody has to wait for it]
  void Finish(const RequestHeader& request, Args words);

 private:
  struct Held {
    SlotList slots;
    Instant granted_at;
    std::vector<std::string> skus;
  };

  bool WatchedKeysStand(uint64_t client);
  void Dump(Args asks, std::string& out, TurnStamp& gate);

  Router& router_;
  Shard& shard_;
  absl::flat_hash_map<uint64_t, Held> held_;  // by client: it has one group at a time
};

}  // namespace holdfast
