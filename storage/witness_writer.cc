#include "storage/witness_writer.h"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

constexpr auto kTick = std::chrono::milliseconds(100);
// How often the witness of an idle log still tells the time, for the clock's anchor.
constexpr auto kIdle = std::chrono::seconds(10);

}  // namespace

WitnessWriter::WitnessWriter(Witness& witness, const WitnessMark& mark, DiskSpace& space,
                             FatalHandler fatal)
    : witness_(witness),
      space_(space),
      fatal_(std::move(fatal)),
      on_disk_(mark),
      noted_(mark),
      written_(mark.index) {}

WitnessWriter::~WitnessWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void WitnessWriter::Start() {
  thread_ = std::thread([this] { Run(); });
}

void WitnessWriter::Note(const LogPlace& place, UnixMs server_time) {
  const std::lock_guard lock(mutex_);
  noted_.epoch = place.epoch;
  noted_.index = place.index;
  noted_.server_time = std::max(noted_.server_time, server_time);
}

void WitnessWriter::GoBesideSync() {
  {
    const std::lock_guard lock(mutex_);
    // Busy or nothing to tell: a wake would only cost.
    if (!waiting_ || noted_.index == written()) return;
    waiting_ = false;
    go_ = true;
  }
  wake_.notify_one();
}

void WitnessWriter::NoteTime(UnixMs now) {
  clock_ms_.store(ToUnixMs(now), std::memory_order_relaxed);
}

Status WitnessWriter::WriteNow() { return WriteIfNews(true); }

Status WitnessWriter::WriteIfNews(bool time_is_news) {
  const std::lock_guard file_lock(file_mutex_);
  WitnessMark mark;
  {
    const std::lock_guard lock(mutex_);
    mark = noted_;
  }
  const UnixMs now = FromUnixMs(clock_ms_.load(std::memory_order_relaxed));
  mark.server_time = std::max({mark.server_time, now, on_disk_.server_time});
  const bool news = mark.index != on_disk_.index || mark.epoch != on_disk_.epoch ||
                    (time_is_news && mark.server_time != on_disk_.server_time);
  return news ? Write(mark) : Status::Ok();
}

Status WitnessWriter::Write(const WitnessMark& mark) {
  if (Status status = witness_.Write(mark); !status.ok()) return status;
  on_disk_ = mark;
  written_.store(mark.index, std::memory_order_relaxed);
  return Status::Ok();
}

Status WitnessWriter::Lower(const LogPlace& place) {
  const std::lock_guard file_lock(file_mutex_);
  WitnessMark mark = on_disk_;
  mark.epoch = place.epoch;
  mark.index = std::min(mark.index, place.index);
  {
    const std::lock_guard lock(mutex_);
    noted_.epoch = mark.epoch;
    noted_.index = mark.index;
  }
  return WriteBoth(mark);
}

Status WitnessWriter::Replace(WitnessMark mark) {
  const std::lock_guard file_lock(file_mutex_);
  mark.server_time = std::max(mark.server_time, on_disk_.server_time);
  {
    const std::lock_guard lock(mutex_);
    noted_ = mark;
  }
  return WriteBoth(mark);
}

Status WitnessWriter::WriteBoth(const WitnessMark& mark) {
  if (Status status = Write(mark); !status.ok()) return status;
  return Write(mark);
}

void WitnessWriter::Run() {
  auto last_look = Clock::now();
  auto last_idle_write = last_look;
  std::unique_lock lock(mutex_);
  for (;;) {
    waiting_ = true;
    wake_.wait_for(lock, kTick, [this] { return go_ || stop_; });
    waiting_ = false;
    go_ = false;
    if (stop_) return;
    lock.unlock();
    const auto now = Clock::now();
    if (now - last_look >= kTick) {
      last_look = now;
      space_.Look();
    }
    const bool idle = now - last_idle_write >= kIdle;
    if (idle) last_idle_write = now;
    if (Status status = WriteIfNews(idle); !status.ok()) {
      fatal_(status);
      return;
    }
    lock.lock();
  }
}

}  // namespace holdfast
