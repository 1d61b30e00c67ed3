// The whole requests at the front of a connection's input, read before the first of them runs: so
// the router can bring what all of them will look up into the processor's caches at once.
//
// What runs first may change how the rest must be read (AUTH lifts limits) or keep it from running
// (a pause): then the parser is rewound and the rest is read again.
//
// Kept for its memory: the connections of a loop take turns with a few of them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/resp_parser.h"
#include "server/shard/request.h"

namespace holdfast {

class Router;

class ReadAhead {
 public:
  // Reads until so many requests are there, or one that is not whole, or one that is inline (its
  // words may lie in the parser).
  void Read(const Router& router, RespParser& parser, std::string_view input,
            const ParserLimits& limits);

  // Their words stay while the input does, until the next Read.
  std::span<const Request> requests() const { return requests_; }
  // Of the i-th request.
  size_t bytes(size_t i) const { return ends_[i].bytes; }
  // How the last Parse ended.
  RespParser::State end() const { return end_; }

 private:
  static constexpr size_t kRequestsMax = 32;
  static constexpr size_t kWordsMaxAhead = 256;
  static constexpr size_t kWordsKept = 2048;

  struct End {
    size_t words;  // of words_, up to the last one of the request
    size_t bytes;
  };

  std::vector<Request> requests_;
  std::vector<End> ends_;
  RespParser::Words words_;
  RespParser::State end_ = RespParser::State::kComplete;
};

}  // namespace holdfast
