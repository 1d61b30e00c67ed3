// Router: what comes from other shards and goes to them, and who waits at a slot.
#include <algorithm>
#include <utility>

#include "server/shard/router.h"
#include "server/shard/slot_needs.h"

namespace holdfast {
namespace {

// What answers to other shards, and the stream, may take in one turn: beyond it the rest waits for
// the next.
constexpr size_t kAnsweredBytesPerTurn = size_t{1} << 20;

// Those that waited and may go in are tried in one turn: a thousand buyers of one SKU may have
// waited for its sweep, and each costs a write, too. The next turn goes on behind them: many may
// stay where they are for long.
constexpr int kTriesPerTurn = 64;

// What is kept of a reply's memory for the next one.
constexpr size_t kScratchBytesKept = size_t{1} << 20;

}  // namespace

// ---- letters

void Router::Send(ShardId to, const RequestHeader& request, Args words) {
  AppendRequest(outboxes_[to].requests, request, words);
  if (to != shard_.id()) shard_.metrics().requests_sent.Add();
}

void Router::Respond(const ResponseHeader& header, std::string_view reply) {
  Invariant(reply.size() <= kResponseBytesMax);
  answered_bytes_ += sizeof header + reply.size();
  AppendResponse(outboxes_[header.to.shard].responses, header, reply);
}

void Router::Deliver(Letter letter) {
  if (!letter.requests.empty()) inbox_.push_back({.bytes = std::move(letter.requests)});
  DeliverResponses(letter.responses);
  ServeInbox();
}

void Router::ServeInbox() {
  while (!inbox_.empty() && answered_bytes_ < kAnsweredBytesPerTurn) {
    Requests& requests = inbox_.front();
    std::string_view rest = std::string_view(requests.bytes).substr(requests.done);
    const RequestHeader request = TakeRequest(rest, words_);
    if (request.from.shard != shard_.id()) shard_.metrics().requests_received.Add();
    Answer(request, words_);
    requests.done = requests.bytes.size() - rest.size();
    if (rest.empty()) inbox_.pop_front();
    if (shard_.BatchIsFull()) EndTurn();
  }
}

void Router::Answer(const RequestHeader& request, Args words) {
  if (request.kind == RequestKind::kCommand) return Admit(request, words);
  AnswerPeer(request, words);
  // A group's work is no part of the next command's.
  shard_.watch().StartLap();
}

// It takes its share of the turn, as answers do: readers are served in between.
void Router::ApplyStream(const StreamRequest& stream) {
  answered_bytes_ += stream.mutations.size();
  shard_.ApplyStream(stream.index, stream.server_time, stream.mutations);
}

void Router::AnswerPeer(const RequestHeader& request, Args words) {
  scratch_.clear();
  TurnStamp gate = 0;
  const auto respond = [&](ResponseKind kind) {
    Respond({.to = request.from, .gate = gate, .kind = kind}, scratch_);
  };
  switch (request.kind) {
    case RequestKind::kCommand:
    case RequestKind::kLock:
      return Admit(request, words);
    case RequestKind::kGather:
      group_part_.Gather(request, words, scratch_, gate);
      return respond(ResponseKind::kGathered);
    case RequestKind::kPerform:
      group_part_.Perform(request, words, scratch_, gate);
      return respond(ResponseKind::kPerformed);
    case RequestKind::kApply:
      return group_part_.Apply(words);
    case RequestKind::kFinish:
      group_part_.Finish(request, words);
      retry_ = true;
      return;
    case RequestKind::kUnwatch:
      // Behind a WATCH of the same client that may still wait at a held slot.
      if (!words.empty() && !shard_.locks().idle()) return Wait({}, request, words);
      return shard_.watches().Remove(request.from.client);
    case RequestKind::kStream:
      return ApplyStream(ReadStream(words));
    case RequestKind::kCut:
      break;  // never comes in a letter
    case RequestKind::kMonitorLine:
      return observers_.FeedMonitors(words[0]);
    case RequestKind::kNameSlow:
      return observers_.NameSlow(words);
  }
}

// ---- visits: who may be at a slot, and who waits there

void Router::Admit(const RequestHeader& request, Args words) {
  const bool idle = shard_.locks().idle();
  if (idle && Visit(request, words)) return;
  SlotNeeds needs;
  if (request.kind == RequestKind::kLock) {
    needs.slots = UnpackSlots(words[0]);
    needs.everywhere = needs.slots.empty();
  } else {
    needs = SlotsOf(*request.command, words);
  }
  if (needs.everywhere) needs.slots.clear();
  const bool asks_for_slots = needs.everywhere || !needs.slots.empty();
  const bool free = idle || !asks_for_slots || shard_.locks().Free(needs.slots);
  if (!idle && free && Visit(request, words)) return;
  retry_ |= free;  // behind a sweep, which has taken a slice
  Wait(std::move(needs.slots), request, words);
}

// False: something is due first, and a slice of it has been done.
bool Router::Visit(const RequestHeader& request, Args words) {
  scratch_.clear();
  if (request.kind == RequestKind::kLock) {
    TurnStamp gate = 0;
    if (!group_part_.Lock(request, words, scratch_, gate)) return false;
    Respond({.to = request.from, .gate = gate, .kind = ResponseKind::kGrant}, scratch_);
    return true;
  }
  if (request.kind == RequestKind::kCut) {
    snapshot_walk_.OnGranted();
    return true;
  }
  if (request.kind == RequestKind::kUnwatch) {
    shard_.watches().Remove(request.from.client);
    return true;
  }
  const Outcome outcome = Run(request, nullptr, words, scratch_);
  if (outcome.parked) return false;
  Respond({.to = request.from, .gate = outcome.gate}, scratch_);
  if (scratch_.capacity() > kScratchBytesKept) scratch_ = {};
  return true;
}

void Router::AskForSlots(SlotList slots) {
  RequestHeader request{.from = {}, .command = nullptr, .db = 0, .resp_version = 0};
  request.kind = RequestKind::kCut;
  SlotLocks::Visit visit{.slots = std::move(slots), .request = {}};
  AppendRequest(visit.request, request, {});
  shard_.locks().Enqueue(std::move(visit));
  retry_ = true;
}

void Router::Wait(SlotList slots, const RequestHeader& request, Args words) {
  SlotLocks::Visit visit{.slots = std::move(slots), .request = {}};
  AppendRequest(visit.request, request, words);
  shard_.locks().Enqueue(std::move(visit));
  shard_.metrics().parked.Add();
}

// Each try of one that waits behind a sweep takes another slice of what is due.
void Router::RetryVisits() {
  retry_ = false;
  SlotLocks& locks = shard_.locks();
  std::vector<SlotLocks::VisitId> behind_sweeps;
  std::vector<std::string_view> words;
  int tries = kTriesPerTurn;
  for (bool moved = true; moved;) {
    moved = false;
    std::vector<SlotLocks::VisitId> ready = locks.Ready();
    std::rotate(ready.begin(), std::ranges::upper_bound(ready, last_tried_), ready.end());
    for (const SlotLocks::VisitId id : ready) {
      if (std::ranges::find(behind_sweeps, id) != behind_sweeps.end()) continue;
      if (shard_.BatchIsFull() || answered_bytes_ >= kAnsweredBytesPerTurn || tries-- == 0) {
        retry_ = true;
        return;
      }
      last_tried_ = id;
      std::string_view packed = locks.At(id).request;
      const RequestHeader request = TakeRequest(packed, words);
      if (Visit(request, words)) {
        locks.Leave(id);
        moved = true;
      } else {
        shard_.watch().StartLap();
        behind_sweeps.push_back(id);
      }
    }
  }
  retry_ = !behind_sweeps.empty();
}

void Router::DeliverResponses(std::string_view responses) {
  while (!responses.empty()) {
    std::string_view reply;
    const ResponseHeader header = TakeResponse(responses, reply);
    switch (header.kind) {
      case ResponseKind::kReply:
        TakeReply(header, reply);
        break;
      case ResponseKind::kGrant:
        groups_.OnGrant(header, reply);
        break;
      case ResponseKind::kGathered:
        groups_.OnGathered(header, reply);
        break;
      case ResponseKind::kPerformed:
        groups_.OnPerformed(header, reply);
        break;
      case ResponseKind::kMessage:
        channels_.OnMessage(header, reply);
        break;
      case ResponseKind::kReceived:
        channels_.OnReceived(header, reply);
        break;
    }
  }
}

void Router::TakeReply(const ResponseHeader& header, std::string_view reply) {
  Client* const client = FindClient(header.to.client);
  if (client == nullptr) return;  // it left
  MarkDirty(*client);
  if (header.to.part == kWholeReply) {
    client->replies.Fulfil(header.to.ticket, reply, header.gate);
    if (client->stalled.empty()) return;
    channels_.MustQueue() ? channels_.Queue(*client) : ResumeStalled(*client);
  } else {
    FinishPart(*client, header, reply);
  }
}

void Router::ResumeStalled(Client& client) {
  if (client.stalled.empty() || client.replies.awaited() > client.publishing) return;
  const uint64_t id = client.id;
  const std::string packed = std::exchange(client.stalled, {});
  std::string_view rest = packed;
  std::vector<std::string_view> words;
  TakeRequest(rest, words);
  Dispatch(client, Read(words));
  // A transaction may end its own client.
  const bool is_there = FindClient(id) != nullptr;
  if (is_there && !client.blocked()) client.sink->OnResume();
}

void Router::FinishPart(Client& client, const ResponseHeader& header, std::string_view reply) {
  Gather& gather = *client.gather;
  Invariant(gather.ticket == header.to.ticket);
  gather.parts[header.to.part] = reply;
  gather.gate = std::max<Index>(gather.gate, header.gate);
  if (--gather.parts_missing > 0) return;
  const auto whole = std::move(client.gather);
  if (whole->command->combine == nullptr) {  // a group's only part
    client.replies.Fulfil(whole->ticket, whole->parts[0], whole->gate);
    return client.sink->OnResume();
  }
  std::string combined;
  RespWriter writer(combined, client.resp);
  whole->command->combine(writer, whole->parts);
  client.replies.Fulfil(whole->ticket, combined, whole->gate);
  client.sink->OnResume();
}

}  // namespace holdfast
