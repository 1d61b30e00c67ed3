#include "bench/masks/masks.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>

#include <sys/epoll.h>

#include "bench/sale.h"
#include "bench/socket.h"

namespace holdfast::bench {
namespace {

// Enough to keep a server busy, few enough that a buyer's wait is the server's and not our queue's.
constexpr size_t kInFlightMax = 16;
constexpr int64_t kBackoffLeastMs = 50;
constexpr int64_t kBackoffMostMs = 1000;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Lane {
  Wire wire;
  std::deque<uint32_t> in_flight;  // buyers, in the order of their requests
  int64_t retry_ms = 0;            // closed: not before this
  int64_t backoff_ms = kBackoffLeastMs;
  bool blocked = false;
};

class MasksRun {
 public:
  MasksRun(const Arguments& arguments, Crowd& crowd, int64_t server_ahead_ms, MasksResult& result)
      : arguments_(arguments),
        crowd_(crowd),
        server_ahead_ms_(server_ahead_ms),
        result_(result),
        lanes_(arguments.masks.connections) {}

  Status Run() {
    epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.open()) return Status::FromErrno("epoll_create1", errno);
    const int64_t begin_ms = last_open_ms_ = SteadyMs();
    end_ms_ = begin_ms + static_cast<int64_t>(arguments_.masks.seconds_max) * 1000;
    next_progress_ms_ = begin_ms + 1000;
    while (true) {
      const int64_t now_ms = SteadyMs();
      if (Status status = OpenLanes(now_ms); !status.ok()) return status;
      Dispatch(now_ms);
      if (now_ms >= next_progress_ms_) Progress(now_ms - begin_ms);
      if (Ended(now_ms) && crowd_.Idle()) break;
      if (Status status = Await(now_ms); !status.ok()) return status;
    }
    result_.seconds = static_cast<double>(SteadyMs() - begin_ms) / 1000;
    return Status::Ok();
  }

 private:
  int64_t ServerMs(int64_t steady_ms) const { return steady_ms + server_ahead_ms_; }

  // Closes the doors when the sale is over.
  bool Ended(int64_t now_ms) {
    if (!result_.ending.empty()) return true;
    if (crowd_.SoldOut()) {
      result_.ending = "all sold";
    } else if (crowd_.Idle()) {
      result_.ending = "demand spent";
    } else if (now_ms >= end_ms_) {
      result_.ending = "out of time";
      result_.differences.push_back("--max-seconds passed with units unsold and buyers waiting");
    } else {
      return false;
    }
    crowd_.CloseDoors();
    return true;
  }

  Status OpenLanes(int64_t now_ms) {
    for (size_t index = 0; index < lanes_.size(); ++index) {
      Lane& lane = lanes_[index];
      if (lane.wire.open() || now_ms < lane.retry_ms) continue;
      if (!lane.wire.Open(arguments_.address).ok()) {
        lane.retry_ms = now_ms + lane.backoff_ms;
        lane.backoff_ms = std::min(2 * lane.backoff_ms, kBackoffMostMs);
        // One refused connection says enough about the others for now.
        PutOff(now_ms + kBackoffLeastMs);
        break;
      }
      lane.backoff_ms = kBackoffLeastMs;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = index;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, lane.wire.fd(), &event) != 0) {
        return Status::FromErrno("epoll_ctl", errno);
      }
      if (++opened_ > lanes_.size()) ++result_.reconnects;
      ++open_;
    }
    if (open_ > 0) last_open_ms_ = now_ms;
    if (now_ms - last_open_ms_ > static_cast<int64_t>(arguments_.masks.reconnect_s) * 1000) {
      return Status::Io("no connection to the server for " +
                        std::to_string(arguments_.masks.reconnect_s) + " s");
    }
    return Status::Ok();
  }

  void PutOff(int64_t until_ms) {
    for (Lane& lane : lanes_) {
      if (!lane.wire.open()) lane.retry_ms = std::max(lane.retry_ms, until_ms);
    }
  }

  void Dispatch(int64_t now_ms) {
    for (size_t tried = 0; tried < lanes_.size(); ++tried) {
      next_ = (next_ + 1) % lanes_.size();
      Lane& lane = lanes_[next_];
      if (!lane.wire.open() || lane.in_flight.size() == kInFlightMax) continue;
      while (lane.in_flight.size() < kInFlightMax) {
        const auto buyer = crowd_.NextDue(ServerMs(now_ms));
        if (!buyer) break;
        crowd_.AppendRequest(*buyer, lane.wire.out());
        lane.in_flight.push_back(*buyer);
      }
      if (!lane.wire.out().empty() && !lane.blocked) Flush(next_, now_ms);
      if (crowd_.NextDueMs() > ServerMs(now_ms)) break;
    }
  }

  void Flush(size_t index, int64_t now_ms) {
    Lane& lane = lanes_[index];
    const Wire::Result flushed = lane.wire.Flush();
    if (flushed == Wire::Result::kClosed) return Lose(index, now_ms);
    const bool blocked = flushed == Wire::Result::kBlocked;
    if (blocked == lane.blocked) return;
    lane.blocked = blocked;
    epoll_event event{};
    event.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u64 = index;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, lane.wire.fd(), &event) != 0) Lose(index, now_ms);
  }

  // Every buyer whose answer this connection still owed asks again, with the same id.
  void Lose(size_t index, int64_t now_ms) {
    Lane& lane = lanes_[index];
    lane.wire.Close();
    lane.blocked = false;
    lane.retry_ms = now_ms + kBackoffLeastMs;
    for (const uint32_t buyer : lane.in_flight) crowd_.LoseAnswer(buyer, ServerMs(now_ms));
    lane.in_flight.clear();
    ++result_.connections_lost;
    --open_;
  }

  Status Await(int64_t now_ms) {
    int64_t wake_ms = next_progress_ms_;
    if (open_ > 0) wake_ms = std::min(wake_ms, crowd_.NextDueMs() - server_ahead_ms_);
    for (const Lane& lane : lanes_) {
      if (!lane.wire.open()) wake_ms = std::min(wake_ms, lane.retry_ms);
    }
    // Buyers are due, but every lane is full: only an answer helps, a millisecond is soon enough.
    const auto wait_ms = static_cast<int>(std::clamp<int64_t>(wake_ms - now_ms, 1, 1000));
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), wait_ms);
    if (count < 0 && errno != EINTR) return Status::FromErrno("epoll_wait", errno);
    const int64_t then_ms = SteadyMs();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const size_t index = event.data.u64;
      if ((event.events & EPOLLOUT) != 0) Flush(index, then_ms);
      if (!lanes_[index].wire.open()) continue;
      if ((event.events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) continue;
      if (Status status = TakeAnswers(index, then_ms); !status.ok()) return status;
    }
    return Status::Ok();
  }

  Status TakeAnswers(size_t index, int64_t now_ms) {
    Lane& lane = lanes_[index];
    const Wire::Result filled = lane.wire.Fill();
    if (filled == Wire::Result::kBlocked) return Status::Ok();
    while (filled == Wire::Result::kOk) {
      const ReplyRead read = answer_.Read(lane.wire.input());
      if (read.state == ReplyRead::State::kNeedMore) return Status::Ok();
      if (read.state == ReplyRead::State::kMalformed) {
        return Status::Damaged("malformed reply: " + std::string(read.problem));
      }
      if (lane.in_flight.empty()) {
        return Status::Damaged("an answer that nobody asked for: " +
                               std::string(answer_.root().text));
      }
      crowd_.TakeAnswer(lane.in_flight.front(), answer_, ServerMs(now_ms));
      lane.in_flight.pop_front();
      lane.wire.Consume(read.bytes);
    }
    Lose(index, now_ms);
    return Status::Ok();
  }

  void Progress(int64_t since_ms) {
    next_progress_ms_ += 1000;
    if (arguments_.quiet) return;
    const CrowdCounts& counts = crowd_.counts();
    std::fprintf(
        stderr,
        "[%4lld s] sold %lld of %lld  held %lld  early %llu  refused %llu  "
        "connections %zu  reconnects %llu  answers/s %llu\n",
        static_cast<long long>(since_ms / 1000), static_cast<long long>(counts.confirmed_units),
        static_cast<long long>(crowd_.plan().stock), static_cast<long long>(counts.held_units),
        static_cast<unsigned long long>(counts.early),
        static_cast<unsigned long long>(counts.refused), open_,
        static_cast<unsigned long long>(result_.reconnects),
        static_cast<unsigned long long>(counts.answers - last_answers_));
    last_answers_ = counts.answers;
  }

  const Arguments& arguments_;
  Crowd& crowd_;
  const int64_t server_ahead_ms_;  // of our steady clock
  MasksResult& result_;
  Descriptor epoll_;
  std::vector<Lane> lanes_;
  RespValue answer_;
  size_t next_ = 0;
  size_t open_ = 0;
  uint64_t opened_ = 0;
  uint64_t last_answers_ = 0;
  int64_t last_open_ms_ = 0;
  int64_t end_ms_ = 0;
  int64_t next_progress_ms_ = 0;
};

Status CreateSku(Client& client, const Arguments& arguments, CrowdPlan& plan) {
  uint64_t now_us = 0;
  if (Status status = ServerTime(client, now_us); !status.ok()) return status;
  const MasksArguments& masks = arguments.masks;
  plan = {.sku = masks.sku.empty() ? "mask:" + std::to_string(now_us) : masks.sku,
          .buyers = static_cast<uint32_t>(masks.buyers),
          .stock = static_cast<int64_t>(masks.stock),
          .limit = static_cast<int64_t>(masks.limit),
          .starts_ms = static_cast<int64_t>(now_us / 1000),
          .hold_ms = static_cast<int64_t>(masks.hold_s) * 1000,
          .seed = arguments.seed};
  plan.opens_ms = plan.starts_ms + static_cast<int64_t>(masks.open_in_s) * 1000;
  RespValue reply;
  return client.CallGood(
      {"STOCK.CREATE", plan.sku, std::to_string(plan.stock), "LIMIT", std::to_string(plan.limit),
       "OPENS", std::to_string(plan.opens_ms), "TTL", std::to_string(masks.hold_s)},
      reply);
}

}  // namespace

Status RunMasks(const Arguments& arguments, MasksResult& result) {
  Client client;
  if (Status status = client.Open(arguments.address); !status.ok()) return status;
  CrowdPlan plan;
  if (Status status = CreateSku(client, arguments, plan); !status.ok()) return status;
  result.sku = plan.sku;
  const int64_t server_ahead_ms = plan.starts_ms - SteadyMs();
  Crowd crowd(std::move(plan));
  Status status = MasksRun(arguments, crowd, server_ahead_ms, result).Run();
  if (!status.ok()) return status;
  result.counts = crowd.counts();
  const auto& told = crowd.differences();
  result.differences.insert(result.differences.end(), told.begin(), told.end());
  return AuditMasks(arguments, crowd, result);
}

}  // namespace holdfast::bench
