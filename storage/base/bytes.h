// Bytes on disk and on the wire between our own processes: little-endian fixed integers and
// length-prefixed words. The reader checks bounds first; once it ran short it stays failed and
// gives zeros and empty words.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace holdfast {

static_assert(std::endian::native == std::endian::little,
              "formats are written as the machine lays them");

template <typename Integer>
void AppendInt(std::string& out, Integer value) {
  static_assert(std::is_integral_v<Integer>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// length:u32, then the bytes.
inline void AppendWord(std::string& out, std::string_view word) {
  AppendInt(out, static_cast<uint32_t>(word.size()));
  out.append(word);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename Integer>
  Integer Int() {
    static_assert(std::is_integral_v<Integer>);
    Integer value = 0;
    if (rest_.size() < sizeof value) {
      Fail();
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }

  std::string_view Bytes(size_t size) {
    if (rest_.size() < size) {
      Fail();
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view Word() { return Bytes(Int<uint32_t>()); }

  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }
  // Everything was there, and nothing more.
  bool AtEnd() const { return !failed_ && rest_.empty(); }

 private:
  void Fail() {
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace holdfast
