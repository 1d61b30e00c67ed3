// What a replication link brings, with any hash made right: no bytes crash the decoder, and what it
// takes it can write again so that it reads the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/replication/state_wire.h"
#include "server/replication/wire.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

// False: these bytes say nothing.
bool Rewrite(std::string_view bytes, std::string& written) {
  if (!bytes.empty() && IsStateFrame(bytes)) {
    StateMessage message;
    if (!DecodeStateFrame(bytes, message).ok()) return false;
    HistoryId history;
    bytes.substr(1).copy(history.bytes.data(), history.bytes.size());
    AppendStateFrame(written, history, message);
    return true;
  }
  ReplicationMessage message;
  if (!DecodeFrame(bytes, message).ok()) return false;
  AppendFrame(written, message);
  return true;
}

void ReadAndWriteAgain(std::string_view bytes) {
  std::string written;
  if (!Rewrite(bytes, written)) return;
  FrameReader reader;
  reader.Add(written);
  std::string_view frame;
  Invariant(reader.Next(frame).ok());
  Invariant(frame == bytes);
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::ReadAndWriteAgain({reinterpret_cast<const char*>(data), size});
  return 0;
}
