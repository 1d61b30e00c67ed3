#include "storage/check/loaded_state.h"

#include <limits>

#include "storage/base/quoted.h"
#include "storage/core/audit.h"

namespace holdfast {
namespace {

// So many SKUs as somebody wants to read about.
constexpr size_t kFaultsMax = 20;

// Supplies of many SKUs may leave 64 bits together, none does alone.
void AddUnits(Units& sum, Units units) {
  if (__builtin_add_overflow(sum, units, &sum)) sum = std::numeric_limits<Units>::max();
}

// What one database has.
struct Count {
  size_t keys = 0;
  size_t deadlines = 0;
  size_t skus = 0;
};

class Auditor {
 public:
  Auditor(StateFigures& figures, std::vector<std::string>& faults)
      : figures_(figures), faults_(faults) {}

  void LookAt(DbIndex db, Slot slot, const Entry& entry) {
    ++count_.keys;
    if (entry.has_deadline()) ++count_.deadlines;
    if (SlotOf(entry.key()) != slot) Fault(db, entry, "it lies in slot " + std::to_string(slot));
    switch (entry.type()) {
      case KeyType::kString:
        ++figures_.strings;
        break;
      case KeyType::kHash:
        ++figures_.hashes;
        figures_.fields += entry.fields().size();
        if (entry.fields().size() == 0) Fault(db, entry, "it is a hash without a field");
        break;
      case KeyType::kStock:
        LookAtItem(db, entry);
        break;
    }
  }

  void EndDatabase(DbIndex db, const Keyspace& keyspace) {
    if (count_.keys != keyspace.KeyCount(db) || count_.deadlines != keyspace.DeadlineCount(db)) {
      Add("database " + std::to_string(db) + ": it counts other keys than it has");
    }
    if (db == kStockDb && count_.skus != keyspace.StockCount()) {
      Add("database 0: it counts other SKUs than it has");
    }
    figures_.deadlines += count_.deadlines;
    count_ = {};
  }

 private:
  void LookAtItem(DbIndex db, const Entry& entry) {
    const Item& item = entry.item();
    ++count_.skus;
    ++figures_.skus;
    const Stock& stock = item.stock();
    AddUnits(figures_.stock.available, stock.available);
    AddUnits(figures_.stock.held, stock.held);
    AddUnits(figures_.stock.sold, stock.sold);
    AddUnits(figures_.stock.supplied, stock.supplied);
    AddUnits(figures_.stock.returned, stock.returned);
    constexpr size_t kAll = std::numeric_limits<size_t>::max();
    item.ScanHolds(0, kAll, UnixMs::min(),
                   [this](const Hold& hold) { ++figures_.holds[static_cast<size_t>(hold.state)]; });
    const AuditReport report = holdfast::Audit(item);
    if (!report.sound()) Fault(db, entry, report.fault);
  }

  void Fault(DbIndex db, const Entry& entry, std::string_view what) {
    std::string text = "database " + std::to_string(db) + ", the key ";
    AppendQuoted(text, entry.key());
    text += ": ";
    text += what;
    Add(std::move(text));
  }

  void Add(std::string text) {
    if (faults_.size() < kFaultsMax) faults_.push_back(std::move(text));
  }

  StateFigures& figures_;
  std::vector<std::string>& faults_;
  Count count_;
};

}  // namespace

bool LoadedState::Apply(const MutationView& mutation) {
  const bool applied = keyspace_.ApplyView(mutation);
  while (keyspace_.HasDoomed()) keyspace_.FreeDoomed();
  return applied;
}

StateFigures LoadedState::Audit(std::vector<std::string>& faults) const {
  StateFigures figures;
  Auditor auditor(figures, faults);
  for (int db = 0; db < kDatabases; ++db) {
    const auto index = static_cast<DbIndex>(db);
    for (int slot = 0; slot < kSlots; ++slot) {
      const auto place = static_cast<Slot>(slot);
      keyspace_.ForEach(index, place,
                        [&](const Entry& entry) { auditor.LookAt(index, place, entry); });
    }
    auditor.EndDatabase(index, keyspace_);
  }
  figures.memory_bytes = keyspace_.MemoryBytes();
  return figures;
}

}  // namespace holdfast
