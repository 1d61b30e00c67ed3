// LoadedState: what a server would hold that started from the directory, and whether its sums add
// up.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/core/item.h"
#include "storage/core/keyspace.h"
#include "storage/core/mutation.h"
#include "storage/log.h"

namespace holdfast {

struct StateFigures {
  Index up_to = 0;  // the last batch that is in it
  uint64_t skus = 0;
  uint64_t strings = 0;
  uint64_t hashes = 0;
  uint64_t fields = 0;              // of the hashes
  uint64_t deadlines = 0;           // keys that have one
  std::array<uint64_t, 4> holds{};  // by HoldState
  Stock stock;                      // of all SKUs together
  uint64_t memory_bytes = 0;
};

class LoadedState {
 public:
  explicit LoadedState(HashSeed seed) : keyspace_(seed, 0, static_cast<Slot>(kSlots - 1)) {}

  // False: what was there before rules it out.
  [[nodiscard]] bool Load(const MutationView& fact) { return keyspace_.Load(fact); }
  // After the last fact of the snapshot, before the first mutation behind it.
  void FinishLoad() { keyspace_.FinishLoad(); }
  [[nodiscard]] bool Apply(const MutationView& mutation);

  // Recomputes every sum of every SKU, and counts all keys. Each fault is a line that names its
  // place.
  StateFigures Audit(std::vector<std::string>& faults) const;

 private:
  Keyspace keyspace_;
};

}  // namespace holdfast
