#include "server/slow_log.h"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

// As Redis: at most 32 words, the last of which then tells of the rest; 128 bytes of each.
constexpr size_t kWordsMax = 32;
constexpr size_t kWordBytesMax = 128;

}  // namespace

uint64_t SlowLog::Add(SlowEntry entry, size_t length) {
  const std::lock_guard lock(mutex_);
  const uint64_t id = next_id_++;
  entry.id = id;
  entries_.push_front(std::move(entry));
  while (entries_.size() > length) entries_.pop_back();
  return id;
}

void SlowLog::SetClient(uint64_t id, std::string_view address, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::find(entries_, id, &SlowEntry::id);
  if (at == entries_.end()) return;
  at->address = address;
  at->name = name;
}

std::vector<SlowEntry> SlowLog::Newest(size_t count) const {
  const std::lock_guard lock(mutex_);
  const auto end = entries_.begin() + static_cast<ptrdiff_t>(std::min(count, entries_.size()));
  return {entries_.begin(), end};
}

size_t SlowLog::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void SlowLog::Reset() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::vector<std::string> SlowLogWords(std::span<const std::string_view> words) {
  const bool cut = words.size() > kWordsMax;
  std::vector<std::string> kept;
  for (const std::string_view word : words.first(cut ? kWordsMax - 1 : words.size())) {
    kept.emplace_back(word.substr(0, kWordBytesMax));
    if (word.size() > kWordBytesMax) {
      kept.back() += "... (" + std::to_string(word.size() - kWordBytesMax) + " more bytes)";
    }
  }
  if (cut) {
    kept.push_back("... (" + std::to_string(words.size() - kWordsMax + 1) + " more arguments)");
  }
  return kept;
}

}  // namespace holdfast
