#include "server/shard/observers.h"

#include <algorithm>
#include <string>

#include "server/commands/secrets.h"
#include "server/monitor_line.h"
#include "server/shard/router.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// A line goes to every shard: it is cut where words are many or long.
constexpr size_t kMonitorWordsMax = 128;
constexpr size_t kMonitorWordBytesMax = 4096;

}  // namespace

void Observers::AnsweredError(std::string_view reply) {
  shard_.metrics().error_replies.Add();
  shard_.errors().Add(reply);
}

void Observers::Rejected(const CommandSpec* command, std::string_view reply) {
  if (command != nullptr) shard_.command_stats().Rejected(*command);
  AnsweredError(reply);
}

void Observers::Ran(const RequestHeader& request, Args words, std::string_view reply) {
  const bool failed = reply.starts_with('-');
  if (failed) AnsweredError(reply);
  const ReturnAddress& from = request.from;
  const CommandStats::Run run{.failed = failed,
                              .first_part = from.part == kWholeReply || from.part == 0};
  const auto slow_id = shard_.watch().Ran(*request.command, words, run, shard_.now());
  if (!slow_id) return;
  if (from.shard == shard_.id()) return NameSlow(*slow_id, from.client);
  const std::string id = std::to_string(*slow_id);
  const std::string client = std::to_string(from.client);
  const std::string_view line[] = {id, client};
  SendNews(from.shard, RequestKind::kNameSlow, line);
}

void Observers::NameSlow(Args words) {
  NameSlow(ParseUint64(words[0]).value_or(0), ParseUint64(words[1]).value_or(0));
}

void Observers::NameSlow(uint64_t slow_id, uint64_t client_id) {
  const Client* const client = router_.FindClient(client_id);
  if (client == nullptr) return;  // it left
  shard_.server().slow_log.SetClient(slow_id, client->address, client->names().name);
}

void Observers::SendNews(ShardId to, RequestKind kind, Args words) {
  router_.Send(to,
               {.from = {.client = 0, .ticket = 0, .part = 0, .shard = shard_.id()},
                .command = nullptr,
                .db = 0,
                .resp_version = 0,
                .kind = kind},
               words);
}

// ---- MONITOR

void Observers::SetMonitor(Client& client, bool on) {
  if (client.monitor == on) return;
  client.monitor = on;
  if (on) {
    monitors_.push_back(&client);
  } else {
    std::erase(monitors_, &client);
  }
  shard_.server().monitors += on ? 1 : -1;
}

void Observers::FeedMonitors(std::string_view line) {
  for (Client* monitor : monitors_) router_.Push(*monitor, line);
}

void Observers::ShowToAll(const Client& client, const CommandSpec& command, Args words) {
  if ((command.flags & kAdmin) != 0) return;
  const std::string address =
      client.unix_socket ? "unix:" + shard_.config().unixsocket : client.address;
  std::vector<std::string_view> shown = WithoutSecrets(command, words);
  if (shown.size() > kMonitorWordsMax) shown.resize(kMonitorWordsMax);
  for (std::string_view& word : shown) word = word.substr(0, kMonitorWordBytesMax);
  const std::string line = MonitorLine(shard_.server().clock_now(), client.db, address, shown);
  const std::string_view words_of_line[] = {line};
  for (int shard = 0; shard < shard_.server().map.shards(); ++shard) {
    const auto to = static_cast<ShardId>(shard);
    to == shard_.id() ? FeedMonitors(line) : SendNews(to, RequestKind::kMonitorLine, words_of_line);
  }
}

}  // namespace holdfast
