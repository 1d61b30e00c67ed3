#include "server/net/read_ahead.h"

#include "server/shard/router.h"

namespace holdfast {

ReadAhead::ReadAhead(const Router& router, RespParser& parser, std::string_view input,
                     const ParserLimits& limits) {
  bool goes_on = true;
  while (goes_on && !input.empty() && requests_.size() < kRequestsMax) {
    const bool is_inline = input.front() != '*';
    const RespParser::Result result = parser.Parse(input, limits);
    end_ = result.state;
    if (end_ != RespParser::State::kComplete) return;
    Args words = parser.words();
    goes_on = !is_inline && words.size() <= kWordsKeptMax - words_.size();
    if (goes_on) {
      words_.insert(words_.end(), words.begin(), words.end());
      words = Args(words_).last(words.size());
    }
    requests_.push_back(words.empty() ? Request{} : router.Read(words));
    bytes_.push_back(result.consumed);
    input.remove_prefix(result.consumed);
  }
}

}  // namespace holdfast
