#include "server/shard/reply_queue.h"

#include <algorithm>
#include <span>

#include "storage/base/invariant.h"

namespace holdfast {

namespace {

// A client that once took a huge reply does not keep its memory for ever.
constexpr size_t kReadyBytesKept = size_t{64} * 1024;

}  // namespace

// Requires: there are segments.
std::string& ReplyQueue::LastBytes() {
  if (segments_.back().state != Segment::State::kStamped) {
    segments_.push_back({.ticket = last_ticket_});
  }
  return segments_.back().bytes;
}

void ReplyQueue::SetVoice(Voice voice) {
  // Who has switched replies off need not skip any.
  if (voice == Voice::kSkipNext && voice_ == Voice::kOff) return;
  voice_ = voice;
  to_skip_ = voice == Voice::kSkipNext ? 2 : 0;
}

bool ReplyQueue::Silent() {
  if (voice_ == Voice::kOn) [[likely]]
    return false;
  if (voice_ == Voice::kOff) return true;
  if (--to_skip_ == 0) voice_ = Voice::kOn;
  return true;
}

void ReplyQueue::Append(std::string_view bytes, TurnStamp stamp) {
  std::string& written = tail();
  const size_t mark = written.size();
  written += bytes;
  if (stamp != 0 || !segments_.empty()) Hold(mark, stamp);
}

// One that may have to wait, or to be dropped.
void ReplyQueue::SealLater(size_t mark, TurnStamp stamp) {
  latest_stamp_ = std::max(latest_stamp_, stamp);
  if (Silent()) return tail().resize(mark);
  if (stamp == 0 && segments_.empty()) return;
  const bool answers = tail().size() > mark;
  Hold(mark, stamp);
  segments_.back().replies += answers ? 1 : 0;
}

// What stands in the tail behind `mark` waits for `stamp`, or for what stands before it.
void ReplyQueue::Hold(size_t mark, TurnStamp stamp) {
  segment_bytes_ += tail().size() - mark;
  if (stamp == 0) return;
  if (!segments_.empty()) {
    Segment& last = segments_.back();
    Invariant(last.state == Segment::State::kStamped);
    // One segment for replies that become ready together, or later than this one needs.
    if (mark == 0 || last.gate >= stamp) {
      last.gate = std::max(last.gate, stamp);
      return;
    }
  }
  std::string& written = tail();
  Segment held{.ticket = last_ticket_, .gate = stamp, .bytes = written.substr(mark)};
  written.resize(mark);
  segments_.push_back(std::move(held));
}

ReplyQueue::Ticket ReplyQueue::Expect(size_t request_bytes) {
  ++last_ticket_;
  ++awaited_;
  awaited_request_bytes_ += request_bytes;
  segments_.push_back({.state = Segment::State::kAwaited,
                       .ticket = last_ticket_,
                       .request_bytes = request_bytes,
                       .replies = 1,
                       .silent = Silent()});
  return last_ticket_;
}

void ReplyQueue::RefuseWaiting(std::string_view reply) {
  for (const Segment& segment : segments_.view()) {
    for (size_t i = 0; i < segment.replies && !segment.silent; ++i) ready_ += reply;
  }
  segments_.clear();
  segment_bytes_ = 0;
  awaited_ = 0;
  awaited_request_bytes_ = 0;
}

void ReplyQueue::Fulfil(Ticket ticket, std::string_view bytes, Index gate) {
  const std::span<Segment> segments = segments_.view();
  const auto at = std::ranges::lower_bound(segments, ticket, {}, &Segment::ticket);
  Invariant(at != segments.end());
  Invariant(at->ticket == ticket && at->state == Segment::State::kAwaited);
  at->state = Segment::State::kIndexed;
  latest_index_ = std::max(latest_index_, gate);
  at->gate = at->silent ? 0 : gate;
  if (at->silent) bytes = {};
  at->bytes = bytes;
  recent_reply_bytes_ = std::max(bytes.size(), recent_reply_bytes_ - recent_reply_bytes_ / 8);
  segment_bytes_ += bytes.size();
  --awaited_;
  awaited_request_bytes_ -= at->request_bytes;
}

bool ReplyQueue::MayAwaitMore() const {
  const size_t foreseen = kAwaitedBytes / std::max<size_t>(recent_reply_bytes_, 1);
  if (awaited_request_bytes_ >= kAwaitedBytes) return false;
  return awaited_ < std::clamp(foreseen, kAwaitedMin, kAwaitedMax);
}

Index ReplyQueue::Resolve(const AckGate& gate) {
  Index last = 0;
  const std::span<Segment> segments = segments_.view();
  for (auto at = segments.rbegin(); at != segments.rend(); ++at) {
    if (at->state == Segment::State::kStamped) {
      at->gate = gate.IndexOf(at->gate);
      at->state = Segment::State::kIndexed;
    }
    if (at->state == Segment::State::kIndexed) last = std::max(last, at->gate);
  }
  return last;
}

bool ReplyQueue::Release(Index acked) {
  while (!segments_.empty()) {
    Segment& front = segments_.front();
    if (front.state != Segment::State::kIndexed || front.gate > acked) break;
    segment_bytes_ -= front.bytes.size();
    if (ready().empty()) {
      ready_.swap(front.bytes);
      sent_ = 0;
    } else {
      ready_ += front.bytes;
    }
    segments_.pop_front();
  }
  return !segments_.empty() && segments_.front().state == Segment::State::kIndexed;
}

void ReplyQueue::Consume(size_t bytes) {
  sent_ += bytes;
  Invariant(sent_ <= ready_.size());
  if (sent_ < ready_.size()) {
    // A slow reader of many replies: what has left makes room once it is the larger part.
    if (sent_ > kReadyBytesKept && sent_ > ready_.size() / 2) {
      ready_.erase(0, sent_);
      sent_ = 0;
    }
    return;
  }
  sent_ = 0;
  if (ready_.capacity() > kReadyBytesKept) {
    ready_ = {};
  } else {
    ready_.clear();
  }
}

size_t ReplyQueue::bytes() const { return ready_.size() - sent_ + segment_bytes_; }

}  // namespace holdfast
