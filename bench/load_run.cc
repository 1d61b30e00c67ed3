#include "bench/load_run.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <vector>

#include <sys/epoll.h>
#include <sys/resource.h>

#include "bench/shard_openings.h"

namespace holdfast::bench {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// User and system time of all threads, of those that are gone, too; 0 when there is no such
// process. The same as utime + stime of /proc/<pid>/stat, in nanoseconds and not in ticks of 10 ms.
double ProcessCpuSeconds(uint64_t pid) {
  clockid_t clock{};
  timespec used{};
  if (pid == 0 || clock_getcpuclockid(static_cast<pid_t>(pid), &clock) != 0) return 0;
  if (clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / kSecondNs;
}

// The instants from which the latencies of a connection's requests in flight count, in order.
class DueRing {
 public:
  explicit DueRing(size_t capacity) : due_ns_(capacity) {}

  size_t size() const { return size_; }
  bool full() const { return size_ == due_ns_.size(); }
  void Push(int64_t due_ns) {
    size_t at = begin_ + size_++;
    if (at >= due_ns_.size()) at -= due_ns_.size();
    due_ns_[at] = due_ns;
  }
  int64_t Pop() {
    const int64_t due_ns = due_ns_[begin_];
    if (++begin_ == due_ns_.size()) begin_ = 0;
    --size_;
    return due_ns;
  }

 private:
  std::vector<int64_t> due_ns_;
  size_t begin_ = 0;
  size_t size_ = 0;
};

struct Connection {
  explicit Connection(size_t pipeline) : in_flight(pipeline) {}

  Wire wire;
  DueRing in_flight;
  bool unsent = false;   // has bytes that Flush must take
  bool blocked = false;  // the kernel's buffer is full: epoll tells when it is not
};

class LoadRun {
 public:
  LoadRun(const Arguments& arguments, Load& load, LoadResult& result)
      : arguments_(arguments), load_(load), result_(result), openings_(arguments) {}

  Status Run() {
    if (Status status = OpenAll(); !status.ok()) return status;
    const double cpu_before = OwnCpuSeconds();
    const double server_cpu_before = ProcessCpuSeconds(arguments_.server_pid);
    start_ns_ = next_progress_ns_ = NowNs();
    next_progress_ns_ += kSecondNs;
    while (true) {
      const int64_t now_ns = NowNs();
      Issue(now_ns);
      if (Status status = FlushAll(); !status.ok()) return status;
      if (result_.requests == issued_ && AllIssued(now_ns)) break;
      if (now_ns >= next_progress_ns_) Progress(now_ns);
      if (Status status = AwaitReplies(now_ns); !status.ok()) return status;
    }
    result_.seconds = static_cast<double>(NowNs() - start_ns_) / kSecondNs;
    result_.client_cpu_seconds = OwnCpuSeconds() - cpu_before;
    result_.server_cpu_seconds = ProcessCpuSeconds(arguments_.server_pid) - server_cpu_before;
    return Status::Ok();
  }

 private:
  Status OpenAll() {
    epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.open()) return Status::FromErrno("epoll_create1", errno);
    for (size_t i = 0; i < arguments_.connections; ++i) {
      Connection& connection = connections_.emplace_back(arguments_.pipeline);
      if (Status status = openings_.Open(connection.wire); !status.ok()) return status;
      if (Status status = Watch(i, EPOLL_CTL_ADD, EPOLLIN); !status.ok()) return status;
      idle_.push_back(i);
    }
    openings_.Done();
    return Status::Ok();
  }

  Status Watch(size_t index, int operation, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    if (epoll_ctl(epoll_.get(), operation, connections_[index].wire.fd(), &event) != 0) {
      return Status::FromErrno("epoll_ctl", errno);
    }
    return Status::Ok();
  }

  bool AllIssued(int64_t now_ns) const {
    if (arguments_.seconds == 0) return issued_ == arguments_.requests;
    return now_ns - start_ns_ >= static_cast<int64_t>(arguments_.seconds) * kSecondNs;
  }

  void IssueOne(size_t index, int64_t due_ns) {
    Connection& connection = connections_[index];
    load_.AppendNext(index, connection.wire.out());
    connection.in_flight.Push(due_ns);
    if (!connection.unsent) unsent_.push_back(index);
    connection.unsent = true;
    ++issued_;
  }

  void Issue(int64_t now_ns) {
    if (AllIssued(now_ns)) return;
    if (arguments_.rate > 0) {
      IssueOpen(now_ns);
    } else {
      IssueClosed(now_ns);
    }
  }

  // As redis-benchmark does: a whole pipeline at once, the next one when all of it is answered.
  void IssueClosed(int64_t now_ns) {
    for (const size_t index : idle_) {
      for (size_t i = 0; i < arguments_.pipeline && !AllIssued(now_ns); ++i) {
        IssueOne(index, now_ns);
      }
    }
    idle_.clear();
  }

  int64_t DueNs(uint64_t number) const {
    const auto rate = static_cast<double>(arguments_.rate);
    return start_ns_ + static_cast<int64_t>(static_cast<double>(number) / rate * kSecondNs);
  }

  // Whatever is due goes to the next connection with room. When none has any it waits here, and the
  // wait counts: its latency begins at the instant at which it was due.
  void IssueOpen(int64_t now_ns) {
    const size_t room_for = connections_.size() * arguments_.pipeline;
    while (!AllIssued(now_ns) && DueNs(issued_) <= now_ns &&
           issued_ - result_.requests < room_for) {
      while (connections_[next_].in_flight.full()) next_ = (next_ + 1) % connections_.size();
      IssueOne(next_, DueNs(issued_));
      next_ = (next_ + 1) % connections_.size();
    }
  }

  Status FlushAll() {
    for (const size_t index : unsent_) {
      if (connections_[index].blocked) continue;
      if (Status status = FlushOne(index); !status.ok()) return status;
    }
    unsent_.clear();
    return Status::Ok();
  }

  Status FlushOne(size_t index) {
    Connection& connection = connections_[index];
    const Wire::Result flushed = connection.wire.Flush();
    if (flushed == Wire::Result::kClosed) return Status::Io("the server closed a connection");
    const bool blocked = flushed == Wire::Result::kBlocked;
    connection.unsent = blocked;
    if (blocked == connection.blocked) return Status::Ok();
    connection.blocked = blocked;
    return Watch(index, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  Status AwaitReplies(int64_t now_ns) {
    int64_t wake_ns = next_progress_ns_;
    if (arguments_.rate > 0 && !AllIssued(now_ns)) wake_ns = std::min(wake_ns, DueNs(issued_));
    // Everything in flight, the next request long due: only a reply can help.
    if (issued_ - result_.requests == connections_.size() * arguments_.pipeline) {
      wake_ns = next_progress_ns_;
    }
    const int64_t wait_ns = std::max<int64_t>(0, wake_ns - now_ns);
    const timespec wait{.tv_sec = wait_ns / kSecondNs, .tv_nsec = wait_ns % kSecondNs};
    std::array<epoll_event, 256> events;
    const int count = epoll_pwait2(epoll_.get(), events.data(), events.size(), &wait, nullptr);
    if (count < 0 && errno != EINTR) return Status::FromErrno("epoll_pwait2", errno);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const size_t index = event.data.u64;
      if ((event.events & EPOLLOUT) != 0) {
        if (Status status = FlushOne(index); !status.ok()) return status;
      }
      if ((event.events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) continue;
      if (Status status = TakeReplies(index); !status.ok()) return status;
    }
    return Status::Ok();
  }

  Status TakeReplies(size_t index) {
    Connection& connection = connections_[index];
    const Wire::Result filled = connection.wire.Fill();
    if (filled == Wire::Result::kClosed) return Status::Io("the server closed a connection");
    if (filled == Wire::Result::kBlocked) return Status::Ok();
    const int64_t now_ns = NowNs();
    while (connection.in_flight.size() > 0) {
      const std::string_view input = connection.wire.input();
      const ReplyRead read = ReplyLength(input);
      if (read.state == ReplyRead::State::kNeedMore) return Status::Ok();
      if (read.state == ReplyRead::State::kMalformed) {
        return Status::Damaged("malformed reply: " + std::string(read.problem));
      }
      result_.tally.Count(input.substr(0, read.bytes));
      connection.wire.Consume(read.bytes);
      const int64_t taken_ns = std::max<int64_t>(0, now_ns - connection.in_flight.Pop());
      result_.latency_ns.Record(static_cast<uint64_t>(taken_ns));
      ++result_.requests;
    }
    if (!connection.wire.input().empty()) return Status::Damaged("a reply that nobody asked for");
    if (arguments_.rate == 0) idle_.push_back(index);
    return Status::Ok();
  }

  void Progress(int64_t now_ns) {
    const double span = static_cast<double>(now_ns - next_progress_ns_ + kSecondNs) / kSecondNs;
    const double rate = static_cast<double>(result_.requests - last_progress_) / span;
    last_progress_ = result_.requests;
    next_progress_ns_ = now_ns + kSecondNs;
    if (arguments_.quiet) return;
    std::fprintf(stderr, "[%4.0f s] %9.0f requests/s  p99 %.3f ms  max %.3f ms  in flight %llu\n",
                 static_cast<double>(now_ns - start_ns_) / kSecondNs, rate,
                 static_cast<double>(result_.latency_ns.Quantile(0.99)) / 1e6,
                 static_cast<double>(result_.latency_ns.Max()) / 1e6,
                 static_cast<unsigned long long>(issued_ - result_.requests));
  }

  const Arguments& arguments_;
  Load& load_;
  LoadResult& result_;
  ShardOpenings openings_;
  Descriptor epoll_;
  std::vector<Connection> connections_;
  std::vector<size_t> idle_;  // closed loop: all of their pipeline is answered
  std::vector<size_t> unsent_;
  size_t next_ = 0;  // open loop: the connection whose turn it is
  uint64_t issued_ = 0;
  uint64_t last_progress_ = 0;
  int64_t start_ns_ = 0;
  int64_t next_progress_ns_ = 0;
};

}  // namespace

Status RunLoad(const Arguments& arguments, Load& load, LoadResult& result) {
  Client client;
  if (Status status = client.Open(arguments.address); !status.ok()) return status;
  if (!arguments.prepared) {
    if (Status status = load.Prepare(client); !status.ok()) return status;
  }
  return LoadRun(arguments, load, result).Run();
}

}  // namespace holdfast::bench
