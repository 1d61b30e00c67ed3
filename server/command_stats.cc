#include "server/command_stats.h"

#include <algorithm>
#include <cmath>

#include "server/command_table.h"

namespace holdfast {

// ---- LatencySum

void LatencySum::Add(const LatencyHistogram& histogram) {
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    const uint64_t count = histogram.At(bucket);
    buckets[bucket] += count;
    calls += count;
  }
}

uint64_t LatencySum::Percentile(double percent) const {
  const double exact = std::ceil(static_cast<double>(calls) * percent / 100);
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(exact), 1, calls);
  uint64_t seen = 0;
  size_t bucket = 0;
  while ((seen += buckets[bucket]) < rank) ++bucket;
  return LatencyHistogram::LongestNs(bucket);
}

uint64_t LatencySum::UpTo(uint64_t ns) const {
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (LatencyHistogram::LongestNs(bucket) > ns) break;
    count += buckets[bucket];
  }
  return count;
}

// ---- CommandStats

CommandStats::CommandStats() {
  const auto commands = Commands().rows();
  const size_t size = std::bit_ceil(commands.size() * 2);
  rows_ = std::make_unique<Row[]>(size);
  mask_ = size - 1;
  for (const CommandSpec* command : commands) {
    size_t at = reinterpret_cast<uintptr_t>(command) / sizeof(CommandSpec) & mask_;
    while (rows_[at].command != nullptr) at = (at + 1) & mask_;
    rows_[at].command = command;
  }
}

CommandStats::~CommandStats() {
  for (size_t at = 0; at <= mask_; ++at) delete rows_[at].histogram.load();
}

// Rows of one table lie side by side, so their addresses by their size spread without a hash.
CommandStats::Row* CommandStats::Find(const CommandSpec& command) {
  size_t at = reinterpret_cast<uintptr_t>(&command) / sizeof(CommandSpec) & mask_;
  while (rows_[at].command != &command) {
    if (rows_[at].command == nullptr) return nullptr;
    at = (at + 1) & mask_;
  }
  return &rows_[at];
}

CommandStats::Row* CommandStats::RowToRun(const CommandSpec& command) {
  Row* const row = Find(command);
  if (row != nullptr && row->histogram.load(std::memory_order_relaxed) == nullptr)
    row->histogram.store(new LatencyHistogram, std::memory_order_release);
  return row;
}

void CommandStats::Reset() {
  for (size_t at = 0; at <= mask_; ++at) {
    Row& row = rows_[at];
    for (Counter* counter : {&row.calls, &row.nanoseconds, &row.rejected, &row.failed}) {
      counter->Set(0);
    }
    if (LatencyHistogram* histogram = row.histogram.load(std::memory_order_relaxed)) {
      histogram->Reset();
    }
  }
}

// ---- ErrorStats

void ErrorStats::Add(std::string_view reply) {
  std::string_view word = reply.substr(1, reply.find_first_of(" \r\n") - 1);
  word = word.substr(0, Word{}.text.size());
  const size_t size = size_.load(std::memory_order_relaxed);
  for (size_t at = 0; at < size; ++at) {
    if (words_[at].view() == word) return words_[at].count.Add();
  }
  if (size == words_.size()) return;
  Word& fresh = words_[size];
  std::ranges::copy(word, fresh.text.begin());
  fresh.bytes = static_cast<uint8_t>(word.size());
  fresh.count.Add();
  size_.store(size + 1, std::memory_order_release);
}

void ErrorStats::Reset() {
  const size_t size = size_.load(std::memory_order_relaxed);
  for (size_t at = 0; at < size; ++at) words_[at].count.Set(0);
}

}  // namespace holdfast
