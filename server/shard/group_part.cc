#include "server/shard/group_part.h"

#include <cstring>
#include <utility>

#include "server/shard/key_dump.h"
#include "server/shard/router.h"
#include "storage/base/bytes.h"

namespace holdfast {
namespace {

struct Ask {
  KeyAsk what;
  DbIndex db;
  std::string_view key;
};

Ask UnpackAsk(std::string_view packed) {
  Invariant(packed.size() >= 2);
  return {.what = static_cast<KeyAsk>(packed[0]),
          .db = static_cast<DbIndex>(packed[1]),
          .key = packed.substr(2)};
}

}  // namespace

std::string PackSlots(const SlotList& slots) {
  std::string packed(slots.size() * sizeof(Slot), '\0');
  if (!slots.empty()) std::memcpy(packed.data(), slots.data(), packed.size());
  return packed;
}

SlotList UnpackSlots(std::string_view packed) {
  SlotList slots(packed.size() / sizeof(Slot));
  if (!slots.empty()) std::memcpy(slots.data(), packed.data(), packed.size());
  return slots;
}

std::string PackAsk(KeyAsk ask, DbIndex db, std::string_view key) {
  std::string packed = {static_cast<char>(ask), static_cast<char>(db)};
  packed += key;
  return packed;
}

bool GroupPart::Lock(const RequestHeader& request, Args words, std::string& out, TurnStamp& gate) {
  const Args asks = words.subspan(2);
  Held held{.slots = UnpackSlots(words[0]), .granted_at = shard_.state_now(), .skus = {}};
  for (const std::string_view packed : asks) {
    const Ask ask = UnpackAsk(packed);
    if (ask.what != KeyAsk::kSku) continue;
    if (!shard_.SettleForGroup(ask.key)) return false;
    held.skus.emplace_back(ask.key);
  }
  shard_.locks().Hold(held.slots);
  const bool fresh = held_.emplace(request.from.client, std::move(held)).second;
  Invariant(fresh);
  const bool watches = !words[1].empty();
  AppendInt<uint8_t>(out, !watches || WatchedKeysStand(request.from.client) ? 1 : 0);
  // What is locked changes no more. Not when the group finishes: its client, already answered, may
  // watch anew by then.
  if (watches) shard_.watches().Remove(request.from.client);
  AppendInt<uint64_t>(out, shard_.keyspace().StockCount());
  AppendWord(out, {});
  AppendWord(out, {});
  Dump(asks, out, gate);
  return true;
}

// A key that has meanwhile expired was changed, too.
bool GroupPart::WatchedKeysStand(uint64_t client) {
  for (const Watches::Key& key : shard_.watches().KeysOf(client))
    shard_.Live(shard_.At(key.db, key.name));
  return !shard_.watches().Broken(client);
}

void GroupPart::Dump(Args asks, std::string& out, TurnStamp& gate) {
  const auto bytes_max = static_cast<size_t>(shard_.config().group_bytes_max);
  std::string dump;
  for (const std::string_view packed : asks) {
    const Ask ask = UnpackAsk(packed);
    if (ask.what == KeyAsk::kSku) continue;
    dump.clear();
    const KeyPlace place = shard_.At(ask.db, ask.key);
    const Entry* const entry = shard_.Live(place);
    gate = std::max(gate, shard_.ReadStamp(place, entry));
    AppendKeyDump(dump, entry, ask.what, bytes_max - std::min(bytes_max, out.size()));
    AppendWord(out, dump);
  }
}

void GroupPart::Gather(const RequestHeader& request, Args words, std::string& out,
                       TurnStamp& gate) {
  const Held& held = held_.at(request.from.client);
  Shard::Pending group;
  std::string dumps;
  shard_.BeginCapture(group, held.granted_at);
  Dump(words, dumps, gate);
  shard_.EndCapture();
  AppendInt<uint8_t>(out, 1);
  AppendInt<uint64_t>(out, shard_.keyspace().StockCount());
  // A key that an earlier command of the group left past its deadline: in the log this stands
  // behind that command.
  AppendWord(out, group.mutations);
  AppendWord(out, group.events);
  out += dumps;
}

void GroupPart::Perform(const RequestHeader& request, Args words, std::string& out,
                        TurnStamp& gate) {
  const auto held = held_.find(request.from.client);
  Shard::Pending group;
  std::string reply;
  // Without held slots it is a question to every shard, such as DBSIZE.
  if (held != held_.end()) shard_.BeginCapture(group, held->second.granted_at);
  const auto outcome = router_.RunToEnd(request, nullptr, words, reply);
  if (held != held_.end()) shard_.EndCapture();
  gate = outcome.gate;
  AppendInt<uint8_t>(out, group.gated ? 1 : 0);
  AppendWord(out, group.mutations);
  AppendWord(out, group.events);
  out += reply;
}

void GroupPart::Finish(const RequestHeader& request, Args words) {
  const auto at = held_.find(request.from.client);
  Invariant(at != held_.end());
  const Held& held = at->second;
  ByteReader reader(words[0]);
  const auto index = reader.Int<Index>();
  Invariant(reader.AtEnd());
  if (index != 0) shard_.GateGroup(held.slots, held.skus, index);
  shard_.locks().Release(held.slots);
  held_.erase(at);
}

}  // namespace holdfast
