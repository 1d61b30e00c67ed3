#include "storage/check/open_database.h"

#include <algorithm>
#include <utility>

#include "storage/recovery.h"

namespace holdfast {
namespace {

// "...] /dir/db/000012.log: dropping 33 bytes; Corruption: checksum mismatch": the part from the
// file's name on. Empty: RocksDB speaks of something else.
std::string WalDamageOf(const std::string& line, const std::string& db) {
  const size_t begin = line.find(db);
  if (begin == std::string::npos || line.find(": dropping ", begin) == std::string::npos) return {};
  return line.substr(begin);
}

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
  options.skip_damage = true;
  std::vector<std::string> heard;
  options.hear = [&](const std::string& line) {
    std::string damage = WalDamageOf(line, directory.db());
    if (!damage.empty() && std::find(heard.begin(), heard.end(), damage) == heard.end()) {
      heard.push_back(std::move(damage));
    }
  };
  if (Status second = Database::Open(options, out.database); !second.ok()) {
    return WithTablesNames(first);
  }
  if (heard.empty()) heard.emplace_back(WithoutRemedy(first.text()));
  out.wal_damage = std::move(heard);
  return Status::Ok();
}

}  // namespace holdfast
