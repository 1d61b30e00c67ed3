#include "storage/check/open_database.h"

#include <utility>

#include "storage/check/wal_mender.h"

namespace holdfast {
namespace {

// RocksDB looks for a missing table under an older name last, and complains of that one.
Status WithTablesNames(const Status& status) {
  constexpr std::string_view kOldEnding = ".ldb";
  std::string text = status.text();
  for (size_t at = text.find(kOldEnding); at != std::string::npos; at = text.find(kOldEnding)) {
    text.replace(at, kOldEnding.size(), ".sst");
  }
  return Status::Damaged(std::move(text));
}

}  // namespace

Status OpenForReading(const DataDirectory& directory, OpenedDatabase& out) {
  out.wal_damage.clear();
  DatabaseOptions options{.path = directory.db(), .use = DatabaseUse::kRead};
  Status first = Database::Open(options, out.database);
  if (first.code() != Status::Code::kDamaged) return first;
  const auto mender = std::make_shared<WalMender>(nullptr);
  options.file_system = mender;
  if (!Database::Open(options, out.database).ok() || mender->damages().empty()) {
    out.database.reset();
    return WithTablesNames(first);
  }
  out.wal_damage = mender->damages();
  return Status::Ok();
}

}  // namespace holdfast
