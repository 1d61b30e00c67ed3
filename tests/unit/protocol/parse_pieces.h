// Drives a RespParser as a connection does: keeps what is not consumed, appends each read, and
// moves the bytes to another block of exactly their size every time, so that a view kept too long
// or a read past the end is one that AddressSanitizer sees.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/resp_parser.h"

namespace holdfast {

using Request = std::vector<std::string>;

struct Conversation {
  std::vector<Request> requests;
  std::string error;
  size_t unread_bytes = 0;  // kept for a request that is not whole; none counted after an error

  bool operator==(const Conversation&) const = default;
};

class PieceReader {
 public:
  explicit PieceReader(const ParserLimits& limits) : limits_(limits) {}

  void Read(std::string_view piece) {
    if (!conversation_.error.empty()) return;
    pending_.append(piece);
    while (!pending_.empty() && Step()) {
    }
    conversation_.unread_bytes = conversation_.error.empty() ? pending_.size() : 0;
  }

  const Conversation& conversation() const { return conversation_; }

 private:
  // True when a request was read and there may be another.
  bool Step() {
    const auto block = std::make_unique<char[]>(pending_.size());
    std::memcpy(block.get(), pending_.data(), pending_.size());
    RespParser::Words words{"before"};  // another request's, that are left alone
    const auto result = parser_.Parse({block.get(), pending_.size()}, limits_, words);
    EXPECT_EQ(words.front(), "before");
    if (result.state != RespParser::State::kComplete) {
      EXPECT_EQ(words.size(), 1U);
    }
    switch (result.state) {
      case RespParser::State::kNeedMore:
        return false;
      case RespParser::State::kMalformed:
        conversation_.error = parser_.error();
        return false;
      case RespParser::State::kComplete:
        conversation_.requests.emplace_back(words.begin() + 1, words.end());
        pending_.erase(0, result.consumed);
        return true;
    }
    return false;
  }

  ParserLimits limits_;
  RespParser parser_;
  std::string pending_;
  Conversation conversation_;
};

inline Conversation ParsePieces(const std::vector<std::string_view>& pieces,
                                const ParserLimits& limits = {}) {
  PieceReader reader(limits);
  for (const std::string_view piece : pieces) reader.Read(piece);
  return reader.conversation();
}

// GET k -> "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
inline std::string Multibulk(const Request& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

}  // namespace holdfast
