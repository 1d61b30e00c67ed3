// The whole requests at the front of a connection's input, read before the first of them runs: so
// the router can bring what all of them will look up into the processor's caches at once.
//
// What runs first may change how the rest must be read (AUTH lifts limits) or keep it from running
// (a pause): then the parser is rewound and the rest is read again.
#pragma once

#include <span>
#include <string_view>

#include <absl/container/inlined_vector.h>

#include "protocol/resp_parser.h"
#include "server/shard/request.h"

namespace holdfast {

class Router;

class ReadAhead {
 public:
  // Reads until so many requests are there, or one that is not whole, or one whose words do not
  // stay (inline words may lie in the parser; many words are not copied).
  ReadAhead(const Router& router, RespParser& parser, std::string_view input,
            const ParserLimits& limits);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Their words stay while the input and this do, and until the next Parse.
  std::span<const Request> requests() const { return requests_; }
  // Of the i-th request.
  size_t bytes(size_t i) const { return bytes_[i]; }
  // How the last Parse ended.
  RespParser::State end() const { return end_; }

 private:
  static constexpr size_t kRequestsMax = 32;
  static constexpr size_t kWordsKeptMax = 128;

  absl::InlinedVector<Request, kRequestsMax> requests_;
  absl::InlinedVector<size_t, kRequestsMax> bytes_;
  absl::InlinedVector<std::string_view, kWordsKeptMax> words_;  // never grows beyond that
  RespParser::State end_ = RespParser::State::kComplete;
};

}  // namespace holdfast
