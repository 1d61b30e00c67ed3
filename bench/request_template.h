// Requests as bytes. A load renders its request once, with places of fixed width for the numbers
// that vary, and then only copies it and writes digits: a request costs the tool a few nanoseconds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::bench {

// Appends the words as a RESP array of bulk strings.
void AppendCommand(std::string& out, std::span<const std::string> words);

// What may vary from one request to the next.
struct RequestNumbers {
  uint64_t sku = 0;
  uint64_t hold = 0;
  uint64_t buyer = 0;
  uint64_t key = 0;
  uint64_t ttl_ms = 0;
};

class RequestTemplate {
 public:
  RequestTemplate() = default;
  // A place is written <name:width>, with the name of a field of RequestNumbers: "sku:<sku:4>"
  // becomes "sku:0007". The words are our own text: an unknown name is an Invariant.
  explicit RequestTemplate(std::vector<std::string> words);

  // Digits beyond a place's width are cut off on the left.
  void AppendTo(std::string& out, const RequestNumbers& numbers) const;

 private:
  struct Place {
    size_t offset = 0;
    size_t width = 0;
    uint64_t RequestNumbers::*number = nullptr;
  };

  // Replaces the places in the word by zeros; their offsets count from the word's begin.
  static std::vector<Place> TakePlaces(std::string& word);

  std::string bytes_;
  std::vector<Place> places_;
};

}  // namespace holdfast::bench
