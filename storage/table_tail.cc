#include "storage/table_tail.h"

#include <optional>
#include <string_view>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/checksum.h"

namespace holdfast {
namespace {

constexpr size_t kHandlesBytes = 40;
constexpr size_t kFooterBytes = 1 + kHandlesBytes + 4 + 8;
constexpr size_t kBlockTrailerBytes = 1 + 4;
constexpr uint64_t kMagic = 0x88e241b785f4cff7;
constexpr std::string_view kProperties = "rocksdb.properties";

std::optional<uint64_t> ReadVarint(ByteReader& reader) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = reader.Int<uint8_t>();
    if (reader.failed()) return std::nullopt;
    value |= uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Where a block lies, without what stands behind its bytes.
struct BlockHandle {
  uint64_t at = 0;
  uint64_t bytes = 0;
};

std::optional<BlockHandle> ReadHandle(ByteReader& reader) {
  const auto at = ReadVarint(reader);
  const auto bytes = ReadVarint(reader);
  if (!at || !bytes) return std::nullopt;
  return BlockHandle{.at = *at, .bytes = *bytes};
}

// RocksDB hashes all but the last byte, the type, and mixes that in by itself.
uint32_t BlockChecksum(std::string_view bytes, uint8_t type) {
  constexpr uint32_t kTypeFactor = 0x6b9083d9;
  return static_cast<uint32_t>(Checksum(bytes)) ^ type * kTypeFactor;
}

// The properties' handle; nothing: the metaindex names none.
std::optional<BlockHandle> FindProperties(std::string_view metaindex) {
  uint32_t places = 0;
  if (metaindex.size() < sizeof places) return std::nullopt;
  places = ByteReader(metaindex.substr(metaindex.size() - sizeof places)).Int<uint32_t>();
  metaindex.remove_suffix(sizeof places);
  if (places > metaindex.size() / sizeof places) return std::nullopt;
  metaindex.remove_suffix(places * sizeof places);

  std::string key;
  ByteReader entries(metaindex);
  while (!entries.rest().empty()) {
    const auto shared = ReadVarint(entries);
    const auto own = ReadVarint(entries);
    const auto length = ReadVarint(entries);
    if (!shared || !own || !length || *shared > key.size()) return std::nullopt;
    key.resize(*shared);
    key += entries.Bytes(*own);
    ByteReader value(entries.Bytes(*length));
    if (entries.failed()) return std::nullopt;
    if (key == kProperties) return ReadHandle(value);
  }
  return std::nullopt;
}

class TailReader {
 public:
  TailReader(uint64_t table_bytes, const ReadTableFn& read)
      : table_bytes_(table_bytes), read_(read) {}

  std::string FindDamage() {
    if (table_bytes_ < kFooterBytes) return "it is shorter than any table";
    if (ReadFooter() && ReadBlock("metaindex", metaindex_)) {
      const auto properties = FindProperties(block_);
      if (properties) {
        ReadBlock("properties", *properties);
      } else {
        damage_ = "its metaindex names no properties";
      }
    }
    return damage_;
  }

 private:
  // Each of these returns false if it found damage, or what nobody can read.
  bool Damaged(std::string what) {
    damage_ = std::move(what);
    return false;
  }

  bool ReadFooter() {
    std::string bytes;
    if (!read_(table_bytes_ - kFooterBytes, kFooterBytes, bytes)) return false;
    ByteReader footer(bytes);
    const auto checksum = footer.Int<uint8_t>();
    ByteReader handles(footer.Bytes(kHandlesBytes));
    const auto version = footer.Int<uint32_t>();
    if (footer.Int<uint64_t>() != kMagic) return Damaged("its last 8 bytes are not a table's");
    if (version != kTableFormatVersion) {
      return Damaged("its format is version " + std::to_string(version) + ", not " +
                     std::to_string(kTableFormatVersion));
    }
    if (checksum != kTableChecksumXxh3) {
      return Damaged("its checksums are of kind " + std::to_string(checksum) + ", not " +
                     std::to_string(kTableChecksumXxh3));
    }
    const auto metaindex = ReadHandle(handles);
    const auto index = ReadHandle(handles);
    if (!metaindex || !index) return Damaged("its footer names no blocks");
    if (!Fits(*index)) return Damaged("its index block is not in it");
    if (handles.rest().find_first_not_of('\0') != std::string_view::npos) {
      return Damaged("its footer has bytes where zeros belong");
    }
    metaindex_ = *metaindex;
    return true;
  }

  // Before the footer, with what stands behind its bytes.
  bool Fits(const BlockHandle& handle) const {
    const uint64_t end = table_bytes_ - kFooterBytes;
    return handle.at <= end && end - handle.at >= kBlockTrailerBytes &&
           handle.bytes <= end - handle.at - kBlockTrailerBytes;
  }

  // Its bytes are in block_ if it is sound.
  bool ReadBlock(std::string_view name, const BlockHandle& handle) {
    const std::string its = "its " + std::string(name) + " block ";
    if (!Fits(handle)) return Damaged(its + "is not in it");
    if (!read_(handle.at, handle.bytes + kBlockTrailerBytes, block_)) return false;
    ByteReader trailer(std::string_view(block_).substr(handle.bytes));
    const auto type = trailer.Int<uint8_t>();
    const auto checksum = trailer.Int<uint32_t>();
    block_.resize(handle.bytes);
    if (checksum == BlockChecksum(block_, type)) return true;
    return Damaged(its + "at byte " + std::to_string(handle.at) + " does not fit its checksum");
  }

  const uint64_t table_bytes_;
  const ReadTableFn& read_;
  BlockHandle metaindex_;
  std::string block_;
  std::string damage_;
};

}  // namespace

std::string FindTableTailDamage(uint64_t table_bytes, const ReadTableFn& read) {
  return TailReader(table_bytes, read).FindDamage();
}

}  // namespace holdfast
