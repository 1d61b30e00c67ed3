#include "server/shard/transactions.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "server/group.h"
#include "server/shard/groups.h"
#include "server/shard/router.h"
#include "storage/base/parse_int.h"

namespace holdfast {

std::vector<std::string_view> QueuedCommand::Skus() const {
  std::vector<std::string_view> skus;
  if ((command->flags & kStock) == 0) return skus;
  for (size_t i = 0; HasKey(*command, words) && i < KeyCount(*command, words); ++i)
    skus.push_back(KeyWord(*command, words, i));
  return skus;
}

std::string_view RefusalOfCopy(const CommandSpec& command, size_t bytes_so_far,
                               const Config& config) {
  const bool is_too_much = bytes_so_far > static_cast<size_t>(config.group_bytes_max) / 2;
  if ((command.flags & kCopies) == 0 || !is_too_much) return {};
  return "ERR the transaction is larger than group-bytes-max";
}

bool TransactionReader::Next(QueuedCommand& queued) {
  if (rest_.empty()) return false;
  queued.command = TakeRequest(rest_, queued.words).command;
  queued.db = db_;
  if ((queued.command->flags & kSelects) != 0) {
    const auto db = ParseInt64(queued.words[1]);
    if (db && *db >= 0 && *db < kDatabases) db_ = static_cast<DbIndex>(*db);
  }
  return true;
}

bool Transactions::Watch(Client& client, const CommandSpec& command, Args words) {
  if (client.transaction != nullptr) {
    router_.ReplyError(client, "ERR WATCH inside MULTI is not allowed");
    return false;
  }
  for (size_t i = 0; i < KeyCount(command, words); ++i)
    client.watched.push_back(SlotOf(KeyWord(command, words, i)));
  if (client.watched.size() > kSlots) NormaliseSlots(client.watched);
  return true;
}

void Transactions::Unwatch(Client& client) {
  for (const ShardId owner : OwnersOfWatched(client)) {
    if (owner == shard_.id()) {
      shard_.watches().Remove(client.id);
    } else {
      SendUnwatch(client, owner, {});
    }
  }
  client.watched.clear();
}

void Transactions::Leave(Client& client) {
  const std::string_view leaves[] = {"leaves"};
  for (const ShardId owner : OwnersOfWatched(client)) SendUnwatch(client, owner, leaves);
  client.watched.clear();
}

std::vector<ShardId> Transactions::OwnersOfWatched(const Client& client) const {
  std::vector<ShardId> owners;
  for (const Slot slot : client.watched) owners.push_back(shard_.server().map.OwnerOf(slot));
  std::ranges::sort(owners);
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners;
}

void Transactions::SendUnwatch(const Client& client, ShardId owner, Args words) {
  router_.Send(owner,
               {.from = {.client = client.id, .ticket = 0, .part = 0, .shard = shard_.id()},
                .command = nullptr,
                .db = 0,
                .resp_version = 0,
                .kind = RequestKind::kUnwatch},
               words);
}

void Transactions::Queue(Client& client, const CommandSpec& command, Args words) {
  Transaction& transaction = *client.transaction;
  const RequestHeader header{.from = {}, .command = &command, .db = 0, .resp_version = 0};
  AppendRequest(transaction.requests, header, words);
  ++transaction.commands;
  transaction.flags_of_any |= command.flags;
  transaction.flags_of_all &= command.flags;
  transaction.publishes |= command.home == Home::kSubscribers;
  if (transaction.requests.size() > static_cast<size_t>(shard_.config().proto_max_bulk_len)) {
    transaction.requests = {};
    transaction.broken = true;
    return router_.ReplyError(client, "ERR the queued commands are larger than proto-max-bulk-len");
  }
  router_.ReplyRaw(client, "+QUEUED\r\n");
}

void Transactions::Execute(Client& client, const CommandSpec& exec) {
  if (client.transaction == nullptr) return router_.ReplyError(client, "ERR EXEC without MULTI");
  const std::unique_ptr<Transaction> transaction = std::move(client.transaction);
  if (transaction->broken) {
    Unwatch(client);
    return router_.ReplyError(client,
                              "EXECABORT Transaction discarded because of previous errors.");
  }
  SlotNeeds needs;
  needs.Add(client.watched);
  TransactionReader reader(transaction->requests, client.db);
  QueuedCommand queued;
  while (reader.Next(queued)) needs.Add(SlotsOf(*queued.command, queued.words));
  needs.Normalise();
  if (!IsReadyHere(*transaction, needs, client.db)) {
    router_.StartGather(client, exec, 1);
    return groups_.StartTransaction(client, *transaction);
  }
  const bool stand = WatchedKeysStand(client);
  Unwatch(client);
  stand ? RunHere(client, *transaction)
        : router_.ReplyRaw(client, client.resp == RespVersion::kResp3 ? "_\r\n" : "*-1\r\n");
}

void Transactions::Abort(Client& client, const CommandSpec& exec, std::string_view refusal) {
  client.transaction.reset();
  Unwatch(client);
  constexpr std::string_view kWord = "ERR ";
  if (refusal.starts_with(kWord)) refusal.remove_prefix(kWord.size());
  router_.ReplyError(client, "EXECABORT Transaction discarded because of: " + std::string(refusal),
                     &exec);
}

bool Transactions::IsReadyHere(const Transaction& transaction, const SlotNeeds& needs, DbIndex db) {
  const ShardMap& map = shard_.server().map;
  const auto is_ours = [&](Slot slot) { return map.OwnerOf(slot) == shard_.id(); };
  TransactionReader reader(transaction.requests, db);
  QueuedCommand queued;
  const bool alone = map.shards() == 1;
  while (!alone && reader.Next(queued)) {
    const Home home = queued.command->home;
    const bool has_home = home == Home::kClient ||
                          (home == Home::kSubscribers && router_.channels().OnlyHere()) ||
                          !SlotsOf(*queued.command, queued.words).slots.empty();
    if (!has_home) return false;  // it asks every shard
  }
  if (needs.everywhere && !(alone && shard_.locks().idle())) return false;
  if (!std::ranges::all_of(needs.slots, is_ours)) return false;
  if (!needs.slots.empty() && !shard_.locks().Free(needs.slots)) return false;
  // What is due on its SKUs goes first; where that takes more than a slice, it waits as a group.
  TransactionReader again(transaction.requests, db);
  while (again.Next(queued)) {
    for (const std::string_view sku : queued.Skus()) {
      if (!shard_.SettleForGroup(sku)) return false;
    }
  }
  return true;
}

// A key that has meanwhile expired was changed, too.
bool Transactions::WatchedKeysStand(const Client& client) {
  if (client.watched.empty()) return true;
  for (const Watches::Key& key : shard_.watches().KeysOf(client.id))
    shard_.Live(shard_.At(key.db, key.name));
  return !shard_.watches().Broken(client.id);
}

void Transactions::RunHere(Client& client, const Transaction& transaction) {
  std::string& out = client.replies.tail();
  const size_t mark = out.size();
  RespWriter(out, client.resp).Array(transaction.commands);
  TurnStamp gate = transaction.publishes ? router_.channels().GateOf(client) : 0;
  std::vector<std::pair<std::string_view, std::string_view>> published;
  const size_t bytes_before = shard_.pending_bytes();
  TransactionReader reader(transaction.requests, client.db);
  QueuedCommand queued;
  while (reader.Next(queued)) {
    const RequestHeader header{
        .from = {.client = client.id, .ticket = 0, .part = kWholeReply, .shard = shard_.id()},
        .command = queued.command,
        .db = queued.db,
        .resp_version = static_cast<uint8_t>(client.resp)};
    const size_t bytes = shard_.pending_bytes() - bytes_before;
    if (const auto refusal = RefusalOfCopy(*queued.command, bytes, shard_.config());
        !refusal.empty()) {
      RespWriter(out, client.resp).Error(refusal);
      continue;
    }
    // CLIENT KILL of itself: whoever left is owed nothing, what it asked of the data is done.
    const bool left = router_.FindClient(client.id) == nullptr;
    if (left && queued.command->home == Home::kClient) continue;
    const size_t before = out.size();
    gate = std::max(gate, router_.RunWhole(header, client, queued.words, out));
    if (queued.command->home == Home::kSubscribers)
      published.emplace_back(queued.words[1], queued.words[2]);
    if (out.size() - mark >= kReplyBytesMax) {
      out.resize(before);
      RespWriter(out, client.resp).Error(kReplyTooLarge);
    }
  }
  if (router_.FindClient(client.id) != nullptr) router_.SealReply(client, mark, gate);
  for (const auto& [channel, message] : published)
    router_.channels().Broadcast(channel, message, gate);
}

}  // namespace holdfast
