#include "tests/sim/referee.h"

#include <utility>

#include "storage/base/parse_int.h"
#include "storage/checksum.h"
#include "storage/core/key_mutations.h"

namespace holdfast {

void Referee::Trace(std::string_view bytes) {
  std::string link(bytes);
  AppendInt(link, trace_);
  trace_ = Checksum(link);
}

template <typename State>
void Referee::CutTo(Histories<State>& histories, Index last) {
  for (auto it = histories.begin(); it != histories.end();) {
    auto& versions = it->second;
    while (!versions.empty() && versions.back().index > last) versions.pop_back();
    if (versions.size() > 1) versions.erase(versions.begin(), versions.end() - 1);
    it = versions.empty() ? histories.erase(it) : std::next(it);
  }
}

void Referee::StartLife(Index last, Index opening) {
  CutTo(skus_, last);
  CutTo(keys_, last);
  last_ = opening;
  terms_.grace_until = kNever;
}

void Referee::Heard(Index index, std::string_view mutations) {
  Trace(mutations);
  if (index != last_ + 1) Complain("the log's indexes have a gap");
  last_ = index;
  ByteReader bytes(mutations);
  MutationView fact{};
  while (NextMutation(bytes, fact)) {
    std::string wrong = IsStockKind(fact.kind) ? TakeStock(index, fact) : TakeKey(index, fact);
    if (!wrong.empty()) Complain(std::string(fact.place.key) + ": " + wrong);
  }
  if (bytes.failed()) Complain("a batch is malformed");
  if (std::string wrong = CheckCopies(); !wrong.empty()) Complain(std::move(wrong));
}

std::string Referee::TakeStock(Index index, const MutationView& fact) {
  auto& versions = skus_[std::string(fact.place.key)];
  const BookPtr before = versions.empty() ? nullptr : versions.back().state;
  if (fact.kind == MutationKind::kItemCreated) {
    ByteReader body(fact.body);
    versions.push_back({index, std::make_shared<SkuBook>(ItemCreated::DecodeBody(body))});
    return before ? "made twice" : "";
  }
  if (before == nullptr) return "a fact of a SKU that is not there";
  if (fact.kind == MutationKind::kItemDropped) {
    versions.push_back({index, nullptr});
    return {};
  }
  auto after = std::make_shared<SkuBook>(*before);
  std::string wrong = after->Take(fact, terms_);
  versions.push_back({index, std::move(after)});
  return wrong;
}

std::string Referee::TakeKey(Index index, const MutationView& fact) {
  auto& versions = keys_[std::string(fact.place.key)];
  ByteReader body(fact.body);
  switch (fact.kind) {
    case MutationKind::kStringSet: {
      const StringSet set = StringSet::DecodeBody(body);
      versions.push_back({index, BookKey{std::string(set.value), set.deadline}});
      return {};
    }
    case MutationKind::kKeyDeleted:
    case MutationKind::kKeyExpired:
      versions.push_back({index, std::nullopt});
      return {};
    case MutationKind::kDeadlineSet: {
      if (versions.empty() || !versions.back().state)
        return "a deadline of a key that is not there";
      std::optional<BookKey> after = versions.back().state;
      after->deadline = DeadlineSet::DecodeBody(body).deadline;
      versions.push_back({index, std::move(after)});
      return {};
    }
    default:
      versions.push_back({index, std::nullopt});
      return "a fact that nobody asked for";
  }
}

std::string Referee::CheckCopies() const {
  const auto number = [&](std::string_view key) -> int64_t {
    const auto found = keys_.find(key);
    if (found == keys_.end() || !found->second.back().state) return 0;
    return ParseInt64(found->second.back().state->value).value_or(0);
  };
  for (auto it = keys_.lower_bound(kCopyOf); it != keys_.end(); ++it) {
    if (!it->first.starts_with(kCopyOf)) break;
    const std::string_view of = std::string_view(it->first).substr(kCopyOf.size());
    if (number(it->first) > number(of)) {
      return "I7: " + it->first + " is in the log before what it was copied from";
    }
  }
  return {};
}

std::optional<std::string> Referee::Compare(Cluster& cluster) const {
  size_t skus = 0;
  for (const auto& [name, versions] : skus_) {
    const SkuBook* const book = versions.back().state.get();
    Shard& shard = cluster.shard(cluster.state().map.OwnerOf(SlotOf(name)));
    const Item* const item = shard.keyspace().FindStock(shard.At(kStockDb, name));
    if ((book == nullptr) != (item == nullptr)) return name + ": is there or not";
    if (book == nullptr) continue;
    ++skus;
    if (std::string wrong = book->Differs(*item); !wrong.empty()) {
      std::string told = name;
      return told.append(": ").append(wrong);
    }
  }
  size_t there = 0;
  for (int shard = 0; shard < cluster.shards(); ++shard)
    there += cluster.shard(shard).keyspace().StockCount();
  if (there != skus) return "SKUs that the log does not know";
  for (const auto& [name, versions] : keys_) {
    Shard& shard = cluster.shard(cluster.state().map.OwnerOf(SlotOf(name)));
    const Entry* const entry = shard.keyspace().Find(shard.At(kStockDb, name));
    const std::optional<BookKey>& key = versions.back().state;
    if (key.has_value() != (entry != nullptr)) return "key " + name + " is there or not";
    if (key && (key->value != entry->string() || key->deadline != entry->deadline())) {
      return "key " + name + " is another";
    }
  }
  return std::nullopt;
}

}  // namespace holdfast
