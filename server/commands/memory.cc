// MEMORY of the whole server (of one key: object.cc): what the data takes, what the allocator makes
// of it, and what the system sees.
#include <string>
#include <vector>

#include <fmt/format.h>

#include "server/allocator.h"
#include "server/commands/keys.h"
#include "server/commands/process_memory.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/shard.h"

namespace holdfast {
namespace {

struct MemoryFigures {
  uint64_t data;     // keys, values, holds
  uint64_t clients;  // requests and replies
  uint64_t keys;
  uint64_t resident;
  AllocatorStats allocator;

  // Everything that was allocated; where the allocator does not tell, what we count ourselves.
  uint64_t total() const { return allocator.known ? allocator.allocated : data + clients; }
};

MemoryFigures ReadMemory(const ServerState& server) {
  MemoryFigures figures{.data = server.Sum(&ShardMetrics::memory_bytes),
                        .clients = server.Sum(&ShardMetrics::client_bytes),
                        .keys = 0,
                        .resident = ResidentBytes(),
                        .allocator = ReadAllocatorStats()};
  for (int shard = 0; shard < server.map.shards(); ++shard) {
    for (const Counter& in_db : server.metrics[static_cast<size_t>(shard)].keys) {
      figures.keys += in_db.Get();
    }
  }
  return figures;
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// May be negative: figures are not of one instant.
int64_t Difference(uint64_t a, uint64_t b) {
  return static_cast<int64_t>(a) - static_cast<int64_t>(b);
}

// Collects pairs first: a map is told how many follow.
class PairWriter {
 public:
  explicit PairWriter(RespVersion version) : writer_(pairs_, version) {}

  void Bytes(std::string_view name, uint64_t value) { Signed(name, static_cast<int64_t>(value)); }
  void Signed(std::string_view name, int64_t value) {
    Name(name);
    writer_.Integer(value);
  }
  void Ratio(std::string_view name, double value) {
    Name(name);
    writer_.Double(value);
  }
  void WriteTo(RespWriter& reply) const {
    reply.Map(count_);
    reply.Raw(pairs_);
  }

 private:
  void Name(std::string_view name) {
    writer_.Bulk(name);
    ++count_;
  }

  std::string pairs_;
  RespWriter writer_;
  size_t count_ = 0;
};

// Redis' names where the meaning is Redis'.
void CmdMemoryStats(CommandContext& ctx, Args) {
  const MemoryFigures memory = ReadMemory(ctx.shard.server());
  const AllocatorStats& allocator = memory.allocator;
  PairWriter pair(ctx.reply.version());
  pair.Bytes("total.allocated", memory.total());
  pair.Bytes("clients.normal", memory.clients);
  pair.Bytes("keys.count", memory.keys);
  pair.Bytes("keys.bytes-per-key", memory.keys == 0 ? 0 : memory.data / memory.keys);
  pair.Bytes("dataset.bytes", memory.data);
  pair.Ratio("dataset.percentage", 100 * Ratio(memory.data, memory.total()));
  if (allocator.known) {
    pair.Bytes("allocator.allocated", allocator.allocated);
    pair.Bytes("allocator.active", allocator.active);
    pair.Bytes("allocator.resident", allocator.resident);
    pair.Ratio("allocator-fragmentation.ratio", Ratio(allocator.active, allocator.allocated));
    pair.Signed("allocator-fragmentation.bytes", Difference(allocator.active, allocator.allocated));
    pair.Ratio("allocator-rss.ratio", Ratio(allocator.resident, allocator.active));
    pair.Signed("allocator-rss.bytes", Difference(allocator.resident, allocator.active));
    pair.Ratio("rss-overhead.ratio", Ratio(memory.resident, allocator.resident));
    pair.Signed("rss-overhead.bytes", Difference(memory.resident, allocator.resident));
  }
  pair.Ratio("fragmentation", Ratio(memory.resident, memory.total()));
  pair.Signed("fragmentation.bytes", Difference(memory.resident, memory.total()));
  pair.WriteTo(ctx.reply);
}

void CmdMemoryPurge(CommandContext& ctx, Args) {
  // Without an allocator that can, there is nothing kept back to be purged: as Redis, no error.
  PurgeAllocator();
  ctx.reply.Ok();
}

void CmdMemoryMallocStats(CommandContext& ctx, Args) {
  const std::string report = AllocatorReport();
  ctx.reply.Verbatim("txt", report.empty() ? "Stats not supported for the current allocator"
                                           : std::string_view(report));
}

// ---- MEMORY DOCTOR

constexpr uint64_t kTooSmallToJudge = uint64_t{5} << 20;
constexpr double kHighFragmentation = 1.4;
constexpr double kHighOverhead = 1.5;
constexpr double kNearLimit = 0.9;
constexpr uint64_t kLargeClients = uint64_t{64} << 20;

std::vector<std::string> MemoryFindings(const MemoryFigures& memory, uint64_t limit) {
  std::vector<std::string> findings;
  const AllocatorStats& allocator = memory.allocator;
  if (limit > 0 && Ratio(memory.data, limit) >= kNearLimit) {
    findings.push_back(fmt::format(
        "The data takes {} of {} bytes of maxmemory: what grows is about to be refused. Raise "
        "maxmemory, or let keys expire sooner.",
        memory.data, limit));
  }
  if (allocator.known && Ratio(allocator.active, allocator.allocated) >= kHighFragmentation) {
    findings.push_back(
        "The allocator's pages are much larger than what lies in them (fragmentation): usual "
        "after much was deleted, and used again by what is stored next.");
  }
  if (allocator.known && Ratio(memory.resident, allocator.active) >= kHighOverhead) {
    findings.push_back(
        "The process holds far more pages than its data needs: MEMORY PURGE gives them back to "
        "the system.");
  }
  if (memory.clients >= kLargeClients) {
    findings.push_back(
        "Requests and replies of clients take much memory: CLIENT LIST shows whose (omem, qbuf); "
        "client-buffer-limit and maxmemory-clients bound them.");
  }
  return findings;
}

void CmdMemoryDoctor(CommandContext& ctx, Args) {
  const MemoryFigures memory = ReadMemory(ctx.shard.server());
  if (memory.data < kTooSmallToJudge) {
    return ctx.reply.Verbatim("txt",
                              "There is too little data to judge by: less than 5 MB of it.\n");
  }
  const auto findings = MemoryFindings(memory, static_cast<uint64_t>(ctx.shard.config().maxmemory));
  std::string text;
  for (const std::string& finding : findings) text += "* " + finding + '\n';
  ctx.reply.Verbatim("txt", text.empty() ? "Nothing to complain of.\n" : text);
}

constexpr CommandSpec Row(std::string_view name, CommandFunction run, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = 2,
          .home = Home::kClient,
          .group = "server",
          .since = "0.1.0",
          .args = "",
          .summary = summary};
}

constexpr CommandSpec kMemoryCommands[] = {
    Row("MEMORY|STATS", CmdMemoryStats, "What data, clients and allocator take."),
    Row("MEMORY|DOCTOR", CmdMemoryDoctor, "What about memory needs somebody's attention."),
    Row("MEMORY|PURGE", CmdMemoryPurge, "Give memory that holds nothing back to the system."),
    Row("MEMORY|MALLOC-STATS", CmdMemoryMallocStats, "The allocator's own report."),
};

}  // namespace

std::span<const CommandSpec> MemoryCommands() { return kMemoryCommands; }

}  // namespace holdfast
