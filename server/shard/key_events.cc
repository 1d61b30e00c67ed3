#include "server/shard/key_events.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"

namespace holdfast {

void AppendKeyEvent(std::string& out, const KeyEvent& event) {
  AppendInt<uint8_t>(out, event.gated ? 1 : 0);
  AppendInt<DbIndex>(out, event.db);
  AppendWord(out, event.event);
  AppendWord(out, event.key);
}

bool TakeKeyEvent(std::string_view& in, KeyEvent& event) {
  if (in.empty()) return false;
  ByteReader reader(in);
  event.gated = reader.Int<uint8_t>() != 0;
  event.db = reader.Int<DbIndex>();
  event.event = reader.Word();
  event.key = reader.Word();
  Invariant(!reader.failed());
  in = reader.rest();
  return true;
}

void AppendKeyEvents(std::string& out, std::string_view events, bool gated) {
  KeyEvent event{};
  while (TakeKeyEvent(events, event)) {
    event.gated |= gated;
    AppendKeyEvent(out, event);
  }
}

}  // namespace holdfast
