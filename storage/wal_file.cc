#include "storage/wal_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/base/bytes.h"

namespace holdfast {
namespace {

constexpr size_t kBlockBytes = size_t{32} << 10;
constexpr size_t kHeaderBytes = 7;
enum FragmentType : uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  constexpr uint32_t kPolynomial = 0x82f63b78;  // of CRC-32C, reflected
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}();

uint32_t Masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8U; }

uint32_t FragmentCrc(uint8_t type, std::string_view bytes) {
  const char letter = static_cast<char>(type);
  return Masked(Crc32c(bytes, Crc32c({&letter, 1})));
}

struct Fragment {
  uint32_t crc;
  size_t length;
  uint8_t type;
  std::string_view bytes;

  bool Fits() const { return type >= kWhole && type <= kLast && crc == FragmentCrc(type, bytes); }
};

class WalReader {
 public:
  explicit WalReader(std::string_view file)
      : file_(file), written_end_(file.find_last_not_of('\0') + 1) {}

  WalContents Read() {
    ReadAll();
    return std::move(contents_);
  }

  WalContents ReadManifest() {
    ReadAll();
    if (contents_.torn_at && HidesSomething()) {
      contents_.torn_at.reset();
      Damaged(at_, "a record's length reaches behind the end, but is not torn off there");
    }
    return std::move(contents_);
  }

 private:
  void ReadAll() {
    while (at_ < file_.size() && ReadFragment()) {
    }
    if (!record_.empty() && !contents_.torn_at) contents_.torn_at = record_at_;
  }

  // Whether a fragment is whole in the end that seems torn from at_ on.
  bool HidesSomething() const {
    if (file_.size() - at_ < kHeaderBytes) return false;
    const std::string_view rest = file_.substr(at_ + kHeaderBytes);
    ByteReader header(file_.substr(at_, kHeaderBytes));
    const auto crc = header.Int<uint32_t>();
    header.Int<uint16_t>();
    if (crc == FragmentCrc(header.Int<uint8_t>(), rest)) return true;
    for (size_t at = at_ + kHeaderBytes; at < written_end_; ++at) {
      if (IsFragment(at)) return true;
    }
    return false;
  }

  size_t BlockEnd(size_t at) const {
    return std::min((at / kBlockBytes + 1) * kBlockBytes, file_.size());
  }

  Fragment FragmentAt(size_t at) const {
    ByteReader reader(file_.substr(at, BlockEnd(at) - at));
    Fragment fragment{};
    fragment.crc = reader.Int<uint32_t>();
    fragment.length = reader.Int<uint16_t>();
    fragment.type = reader.Int<uint8_t>();
    fragment.bytes = reader.Bytes(fragment.length);
    if (reader.failed()) fragment.type = 0;
    return fragment;
  }

  bool IsFragment(size_t at) const {
    return BlockEnd(at) - at >= kHeaderBytes && FragmentAt(at).Fits();
  }

  // False: the file ends here.
  bool ReadFragment() {
    const size_t end = BlockEnd(at_);
    const size_t left = end - at_;
    if (left < kHeaderBytes) {
      if (end == file_.size() && end % kBlockBytes != 0) return Torn();
      at_ = end;
      return true;
    }
    const Fragment fragment = FragmentAt(at_);
    if (fragment.Fits()) {
      Take(fragment);
      at_ += kHeaderBytes + fragment.length;
      return true;
    }
    // What was never written is nothing, or zeros up to the end.
    const size_t next = at_ + kHeaderBytes + fragment.length;
    const bool zeros = written_end_ <= at_ || (written_end_ < next && EndsInZeros(file_));
    if (zeros || next > file_.size()) return Torn();
    Damaged(at_, "the checksum of a record does not fit");
    at_ = AfterDamage(fragment.length);
    return true;
  }

  // The damage may lie in the length: it is believed if another fragment begins where it says.
  size_t AfterDamage(size_t length) const {
    const size_t end = BlockEnd(at_);
    const size_t next = at_ + kHeaderBytes + length;
    return next < end && IsFragment(next) ? next : end;
  }

  void Take(const Fragment& fragment) {
    const bool begins = fragment.type == kWhole || fragment.type == kFirst;
    if (begins && !record_.empty()) Damaged(record_at_, "a record has no end");
    if (!begins && record_.empty()) {
      // Told already, where its beginning should be.
      if (!lost_) Damaged(at_, "a record has no beginning");
      return;
    }
    lost_ = false;
    if (begins) record_at_ = at_;
    record_.push_back(fragment.bytes);
    if (fragment.type == kWhole || fragment.type == kLast) {
      contents_.records.push_back(std::exchange(record_, {}));
    }
  }

  bool Torn() {
    contents_.torn_at = record_.empty() ? at_ : record_at_;
    return false;
  }

  void Damaged(size_t at, std::string what) {
    contents_.damages.push_back({.at = at, .what = std::move(what)});
    record_.clear();
    lost_ = true;
  }

  const std::string_view file_;
  const size_t written_end_;  // behind it, nothing but zeros
  WalContents contents_;
  size_t at_ = 0;
  std::vector<std::string_view> record_;  // fragments of one that has not ended
  size_t record_at_ = 0;
  bool lost_ = false;  // fragments may follow of one whose beginning is damaged
};

}  // namespace

bool EndsInZeros(std::string_view file) {
  return file.size() >= kZeroEndBytes &&
         file.find_last_not_of('\0', file.size() - 1) + 1 <= file.size() - kZeroEndBytes;
}

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
  uint32_t crc = ~before;
  for (const char byte : bytes) {
    crc = kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ crc >> 8;
  }
  return ~crc;
}

WalContents ReadWal(std::string_view file) { return WalReader(file).Read(); }

WalContents ReadManifest(std::string_view file) { return WalReader(file).ReadManifest(); }

std::string WriteWal(const WalContents& contents) {
  std::string file;
  for (const auto& fragments : contents.records) {
    std::string record;
    for (const std::string_view fragment : fragments) record += fragment;
    std::string_view rest = record;
    bool first = true;
    do {
      size_t room = kBlockBytes - file.size() % kBlockBytes;
      if (room < kHeaderBytes) {
        file.append(room, '\0');
        room = kBlockBytes;
      }
      const std::string_view bytes = rest.substr(0, room - kHeaderBytes);
      rest.remove_prefix(bytes.size());
      const bool last = rest.empty();
      const auto type =
          static_cast<uint8_t>(first ? (last ? kWhole : kFirst) : (last ? kLast : kMiddle));
      AppendInt(file, FragmentCrc(type, bytes));
      AppendInt(file, static_cast<uint16_t>(bytes.size()));
      AppendInt(file, type);
      file += bytes;
      first = false;
    } while (!rest.empty());
  }
  return file;
}

}  // namespace holdfast
