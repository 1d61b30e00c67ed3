// What a replication link brings, with any hash made right: no bytes crash the decoder, and what it
// takes it can write again so that it reads the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/replication/wire.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

void ReadAndWriteAgain(std::string_view bytes) {
  ReplicationMessage message;
  if (!DecodeFrame(bytes, message).ok()) return;
  std::string written;
  AppendFrame(written, message);
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
