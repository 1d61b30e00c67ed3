// What the server answered, counted by the answer's first word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::bench {

class Tally {
 public:
  struct Entry {
    std::string word;  // HELD, OK ..., "value", "null", or an error's first word
    bool error = false;
    uint64_t count = 0;
    std::string example;  // of an error, the first one whole
  };

  // Requires: one whole reply, as ReplyLength measured it.
  void Count(std::string_view reply);

  const std::vector<Entry>& entries() const { return entries_; }
  uint64_t errors() const { return errors_; }

 private:
  // A server that answers ever new error words must not make the list grow for ever.
  static constexpr size_t kEntriesMax = 64;

  std::vector<Entry> entries_;
  uint64_t errors_ = 0;
};

}  // namespace holdfast::bench
