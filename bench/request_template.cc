#include "bench/request_template.h"

#include <utility>

#include "storage/base/invariant.h"
#include "storage/base/parse_int.h"

namespace holdfast::bench {
namespace {

constexpr std::pair<std::string_view, uint64_t RequestNumbers::*> kNames[] = {
    {"sku", &RequestNumbers::sku},       {"hold", &RequestNumbers::hold},
    {"buyer", &RequestNumbers::buyer},   {"key", &RequestNumbers::key},
    {"ttl_ms", &RequestNumbers::ttl_ms},
};

uint64_t RequestNumbers::*NumberNamed(std::string_view wanted) {
  for (const auto& [name, number] : kNames) {
    if (name == wanted) return number;
  }
  Invariant(false);
  return nullptr;
}

}  // namespace

void AppendCommand(std::string& out, std::span<const std::string> words) {
  out += '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    out += '$' + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

RequestTemplate::RequestTemplate(std::vector<std::string> words) {
  // First every place becomes zeros of its width, so that all lengths are final; then the bytes are
  // rendered, and the places move to where their words came to lie.
  std::vector<std::vector<Place>> places;
  places.reserve(words.size());
  for (std::string& word : words) places.push_back(TakePlaces(word));
  AppendCommand(bytes_, words);
  size_t at = bytes_.find("\r\n") + 2;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t begin = bytes_.find("\r\n", at) + 2;
    for (Place place : places[i]) {
      place.offset += begin;
      places_.push_back(place);
    }
    at = begin + words[i].size() + 2;
  }
}

std::vector<RequestTemplate::Place> RequestTemplate::TakePlaces(std::string& word) {
  std::vector<Place> places;
  size_t at = 0;
  while ((at = word.find('<', at)) != std::string::npos) {
    const size_t colon = word.find(':', at);
    const size_t close = word.find('>', at);
    Invariant(colon < close);
    Invariant(close != std::string::npos);
    const std::string_view text = word;
    const auto width = ParseUint64(text.substr(colon + 1, close - colon - 1));
    Invariant(width.has_value());
    Invariant(*width > 0);
    const auto number = NumberNamed(text.substr(at + 1, colon - at - 1));
    word.replace(at, close - at + 1, *width, '0');
    places.push_back({.offset = at, .width = *width, .number = number});
  }
  return places;
}

void RequestTemplate::AppendTo(std::string& out, const RequestNumbers& numbers) const {
  const size_t begin = out.size();
  out.append(bytes_);
  for (const Place& place : places_) {
    uint64_t rest = numbers.*place.number;
    char* const digits = out.data() + begin + place.offset;
    for (size_t i = place.width; i-- > 0 && rest > 0; rest /= 10) {
      digits[i] = static_cast<char>('0' + rest % 10);
    }
  }
}

}  // namespace holdfast::bench
