#include "server/shard/late_replies.h"

#include <utility>

#include "server/shard/router.h"

namespace holdfast {

void LateReplies::Await(const Client& client, Ask ask) {
  const ReturnAddress address{.client = client.id,
                              .ticket = client.gather->ticket,
                              .part = 0,
                              .shard = router_.shard().id()};
  waiting_.push_back({.client = address, .ask = std::move(ask)});
}

void LateReplies::Work() {
  std::erase_if(waiting_, [this](const Waiting& waiting) {
    const std::optional<std::string> reply = waiting.ask();
    if (reply) router_.TakeReply({.to = waiting.client, .gate = 0}, *reply);
    return reply.has_value();
  });
}

}  // namespace holdfast
