// What a client sends is understood alike however the network cuts it.
//
//   input   limits:u8, cuts:u8, then the bytes of the conversation
//
// The bytes are parsed whole, and again in pieces of lengths that the second byte seeds; requests,
// error and what is left over must agree. Each look is at a block of exactly its size, which
// AddressSanitizer guards, and at another address than the last one.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_parser.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

struct Heard {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  std::string
      unread;  // nothing after an error: how much of it had come by then depends on the cuts

  bool operator==(const Heard&) const = default;
};

class Client {
 public:
  explicit Client(const ParserLimits& limits) : limits_(limits) {}

  void Read(std::string_view piece) {
    heard_.unread.append(piece);
    while (heard_.error.empty() && !heard_.unread.empty() && Step()) {
    }
    if (!heard_.error.empty()) heard_.unread.clear();
  }

  const Heard& heard() const { return heard_; }

 private:
  bool Step() {
    std::string& unread = heard_.unread;
    const auto block = std::make_unique<char[]>(unread.size());
    std::memcpy(block.get(), unread.data(), unread.size());
    RespParser::Words words;
    const auto [state, consumed] = parser_.Parse({block.get(), unread.size()}, limits_, words);
    if (state == RespParser::State::kMalformed) heard_.error = parser_.error();
    if (state == RespParser::State::kNeedMore) Invariant(parser_.bytes_wanted() > unread.size());
    if (state != RespParser::State::kComplete) {
      Invariant(consumed == 0);
      Invariant(words.empty());
      return false;
    }
    Invariant(consumed > 0);
    Invariant(consumed <= unread.size());
    Invariant(words.size() <= limits_.words_max);
    for (const std::string_view word : words) Invariant(word.size() <= limits_.word_bytes_max);
    heard_.requests.emplace_back(words.begin(), words.end());
    unread.erase(0, consumed);
    return true;
  }

  ParserLimits limits_;
  RespParser parser_;
  Heard heard_;
};

// Small ones too, so that short inputs reach both sides of a limit.
ParserLimits ChooseLimits(uint8_t choice) {
  switch (choice % 3) {
    case 0:
      return {};
    case 1:
      return kUnauthenticatedLimits;
    default:
      return {.words_max = 3, .word_bytes_max = 20, .request_bytes_max = 64};
  }
}

Heard HearInPieces(std::string_view bytes, const ParserLimits& limits, uint32_t seed) {
  Client client(limits);
  while (!bytes.empty()) {
    seed = seed * 1664525U + 1013904223U;  // Numerical Recipes' generator: any spread will do
    const uint32_t longest = (seed >> 8) % 4 == 0 ? 64 : 4;
    const size_t size = 1 + (seed >> 16) % longest;
    const std::string_view piece = bytes.substr(0, size);
    client.Read(piece);
    bytes.remove_prefix(piece.size());
  }
  return client.heard();
}

void CheckConversation(std::string_view input) {
  if (input.size() < 2) return;
  const ParserLimits limits = ChooseLimits(static_cast<uint8_t>(input[0]));
  const auto seed = static_cast<uint8_t>(input[1]);
  const std::string_view bytes = input.substr(2);
  Client whole(limits);
  whole.Read(bytes);
  Invariant(whole.heard() == HearInPieces(bytes, limits, seed));
}

}  // namespace
}  // namespace holdfast

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::CheckConversation({reinterpret_cast<const char*>(data), size});
  return 0;
}
