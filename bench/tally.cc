#include "bench/tally.h"

namespace holdfast::bench {
namespace {

// A status, or the status that an outcome's array begins with.
std::string_view WordOf(std::string_view reply) {
  if (reply.front() == '*' || reply.front() == '>') {
    const size_t first = reply.find('\n') + 1;
    if (first >= reply.size() || reply[first] != '+') return "value";
    reply.remove_prefix(first);
  }
  switch (reply.front()) {
    case '+':
    case '-':
      return reply.substr(1, reply.find_first_of(" \r") - 1);
    case '_':
      return "null";
    case '$':
      return reply[1] == '-' ? "null" : "value";
    default:
      return "value";
  }
}

}  // namespace

void Tally::Count(std::string_view reply) {
  const bool error = reply.front() == '-';
  const std::string_view word = WordOf(reply);
  errors_ += error ? 1 : 0;
  for (Entry& entry : entries_) {
    if (entry.error == error && entry.word == word) {
      ++entry.count;
      return;
    }
  }
  if (entries_.size() == kEntriesMax) return;
  std::string example;
  if (error) example = reply.substr(1, reply.size() - 3);
  entries_.push_back(
      {.word = std::string(word), .error = error, .count = 1, .example = std::move(example)});
}

}  // namespace holdfast::bench
