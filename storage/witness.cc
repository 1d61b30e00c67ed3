#include "storage/witness.h"

#include <array>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/checksum.h"
#include "storage/data_directory.h"

namespace holdfast {
namespace {

constexpr uint32_t kFormat = 0x31574648;  // "HFW1"
constexpr size_t kSlotBytes = 60;
constexpr size_t kHashAt = 52;
constexpr off_t kSlotStride = 4096;
constexpr size_t kFileBytes = 2 * kSlotStride;

std::string EncodeSlot(uint64_t sequence, const WitnessMark& mark) {
  std::string slot;
  AppendInt(slot, kFormat);
  AppendInt(slot, sequence);
  slot.append(mark.history.view());
  AppendInt(slot, mark.epoch);
  AppendInt(slot, mark.index);
  AppendInt(slot, ToUnixMs(mark.server_time));
  AppendInt(slot, Checksum(slot));
  Invariant(slot.size() == kSlotBytes);
  return slot;
}

std::optional<WitnessSlot> DecodeSlot(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.Int<uint32_t>();
  WitnessSlot slot;
  slot.sequence = reader.Int<uint64_t>();
  slot.mark.history = ReadId<History>(reader);
  slot.mark.epoch = reader.Int<uint64_t>();
  slot.mark.index = reader.Int<Index>();
  slot.mark.server_time = FromUnixMs(reader.Int<int64_t>());
  const auto hash = reader.Int<uint64_t>();
  if (!reader.AtEnd() || format != kFormat || hash != Checksum(bytes.substr(0, kHashAt))) {
    return std::nullopt;
  }
  return slot;
}

Status ReadSlots(int fd, const std::string& path, WitnessSlots& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    std::array<char, kSlotBytes> bytes{};
    const ssize_t got = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(i) * kSlotStride);
    if (got < 0) return Status::FromErrno("reading " + path, errno);
    out[i] = DecodeSlot({bytes.data(), static_cast<size_t>(got)});
  }
  return Status::Ok();
}

Status OpenFile(const std::string& path, int flags, int& fd) {
  fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd >= 0) return Status::Ok();
  if (errno == ENOENT) return Status::NotFound(path + " is missing");
  return Status::FromErrno("opening " + path, errno);
}

Status WriteAll(int fd, std::string_view bytes, off_t at, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = pwrite(fd, bytes.data(), bytes.size(), at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return Status::FromErrno("writing " + path, errno);
    bytes.remove_prefix(static_cast<size_t>(wrote));
    at += wrote;
  }
  return Status::Ok();
}

}  // namespace

const WitnessSlot* NewestOf(const WitnessSlots& slots) {
  const WitnessSlot* newest = nullptr;
  for (const auto& slot : slots) {
    if (slot && (newest == nullptr || slot->sequence > newest->sequence)) newest = &*slot;
  }
  return newest;
}

Status ReadWitness(const std::string& path, WitnessSlots& out) {
  int fd = -1;
  if (Status status = OpenFile(path, O_RDONLY, fd); !status.ok()) return status;
  Status status = ReadSlots(fd, path, out);
  close(fd);
  return status;
}

Witness::~Witness() {
  if (fd_ >= 0) close(fd_);
}

Status Witness::Create(const std::string& path, const WitnessMark& mark) {
  std::string file(kFileBytes, '\0');
  file.replace(0, kSlotBytes, EncodeSlot(0, mark));
  file.replace(kSlotStride, kSlotBytes, EncodeSlot(1, mark));
  return ReplaceFile(path, file);
}

Status Witness::Open(const std::string& path, WitnessMark& out) {
  Invariant(fd_ < 0);
  if (Status status = OpenFile(path, O_RDWR, fd_); !status.ok()) return status;
  path_ = path;
  WitnessSlots slots;
  if (Status status = ReadSlots(fd_, path, slots); !status.ok()) return status;
  const WitnessSlot* const newest = NewestOf(slots);
  if (newest == nullptr) return Status::Damaged(path + " has no valid slot");
  // A process that was killed may have written this slot and not synced it. Before the other one is
  // overwritten it must be durable, or a power loss could tear both.
  if (fdatasync(fd_) != 0) return Status::FromErrno("syncing " + path, errno);
  sequence_ = newest->sequence;
  out = newest->mark;
  return Status::Ok();
}

Status Witness::Write(const WitnessMark& mark) {
  Invariant(fd_ >= 0);
  ++sequence_;
  const off_t at = sequence_ % 2 == 0 ? 0 : kSlotStride;
  if (Status status = WriteAll(fd_, EncodeSlot(sequence_, mark), at, path_); !status.ok())
    return status;
  if (fdatasync(fd_) != 0) return Status::FromErrno("syncing " + path_, errno);
  return Status::Ok();
}

}  // namespace holdfast
