#include "server/net/read_ahead.h"

#include "server/shard/router.h"

namespace holdfast {

void ReadAhead::Read(const Router& router, RespParser& parser, std::string_view input,
                     const ParserLimits& limits) {
  requests_.clear();
  ends_.clear();
  words_.clear();
  if (words_.capacity() > kWordsKept) words_.shrink_to_fit();

  end_ = RespParser::State::kComplete;
  bool goes_on = true;
  while (goes_on && !input.empty()) {
    goes_on = input.front() == '*';
    const RespParser::Result result = parser.Parse(input, limits, words_);
    end_ = result.state;
    if (end_ != RespParser::State::kComplete) break;
    ends_.push_back({.words = words_.size(), .bytes = result.consumed});
    input.remove_prefix(result.consumed);
    goes_on = goes_on && ends_.size() < kRequestsMax && words_.size() < kWordsMaxAhead;
  }
  // Only now: the words have moved while there came more of them.
  size_t first = 0;
  for (const End& end : ends_) {
    const Args words = Args(words_).subspan(first, end.words - first);
    const Request* const before = requests_.empty() ? nullptr : &requests_.back();
    requests_.push_back(words.empty() ? Request{} : router.Read(words, before));
    first = end.words;
  }
}

}  // namespace holdfast
