#include "storage/backups.h"

#include <chrono>
#include <utility>

#include "storage/background.h"
#include "storage/database.h"
#include "storage/rocks_log.h"
#include "storage/snapshot_store.h"

namespace holdfast {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(2);
constexpr auto kTellEvery = std::chrono::seconds(1);

std::string Mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; }

}  // namespace

Backups::Backups(RocksLog& log, Options options) : log_(log), options_(std::move(options)) {}

void Backups::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (directory_ != nullptr) directory_->GiveUp();
  }
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const BackupJob> Backups::Begin(BackupRequest request) {
  const std::lock_guard lock(mutex_);
  if (figures_.running || stop_) return nullptr;
  if (thread_.joinable()) thread_.join();  // it has nothing left to do
  figures_.running = true;
  figures_.bytes_copied = 0;
  auto job = std::make_shared<BackupJob>();
  thread_ = std::thread([this, request = std::move(request), job] { Run(request, *job); });
  return job;
}

BackupFigures Backups::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

// ---- The backup's thread

void Backups::Run(const BackupRequest& request, BackupJob& job) {
  GoToBackground();
  const UnixMs began = options_.now();
  job.status_ = Make(request, job);
  job.took_ = options_.now() - began;
  if (job.status_.ok()) {
    options_.tell("Backup " + std::to_string(job.made_.number) + " complete in " +
                  request.directory + ": up to index " + std::to_string(job.made_.mark.index) +
                  ", " + Mebibytes(job.made_.bytes) + ", " + Mebibytes(job.made_.bytes_own) +
                  " of it new, " + std::to_string(job.took_.count()) + " ms; " +
                  std::to_string(job.kept_) + " backups are there");
  } else {
    options_.tell("Backup failed: " + job.status_.text());
  }
  {
    const std::lock_guard lock(mutex_);
    figures_.running = false;
    figures_.last_failed = !job.status_.ok();
    ++(job.status_.ok() ? figures_.complete : figures_.failed);
    if (job.status_.ok()) {
      figures_.last = job.made_;
      figures_.last_took = job.took_;
      figures_.bytes_copied = job.made_.bytes_own;
    }
  }
  job.done_.store(true, std::memory_order_release);
  for (Waker* waker : wakers_) waker->Wake();
}

// Whatever was answered before the backup began is to be in it, of every level.
Status Backups::AwaitDurable() {
  const Index last = log_.LastPushed();
  log_.RequestSync(last);
  while (log_.Durable() < last) {
    std::this_thread::sleep_for(kLookEvery);
    const std::lock_guard lock(mutex_);
    if (stop_) return Status::Busy("the server is stopping");
  }
  return Status::Ok();
}

Status Backups::Make(const BackupRequest& request, BackupJob& job) {
  std::unique_ptr<BackupDirectory> directory;
  Status status = BackupDirectory::Open(request.directory, request.bytes_per_second, directory);
  if (!status.ok()) return status;
  if (status = AwaitDurable(); !status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return Status::Busy("the server is stopping");
    directory_ = directory.get();
  }
  auto next_word = std::chrono::steady_clock::now() + kTellEvery;
  const auto copied = [&](uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    figures_.bytes_copied = bytes;
    if (std::chrono::steady_clock::now() < next_word) return;
    next_word += kTellEvery;
    options_.tell("Backup: " + Mebibytes(bytes) + " copied");
  };
  {
    // No snapshot may become the current one while the files are listed and copied: its mark would
    // come along without its rows, or they without it.
    const auto still = log_.snapshots().HoldCurrent();
    status = log_.Installing()
                 ? Status::Busy("a full sync is under way, so far there is nothing whole to copy")
                 : directory->Make(log_.database(),
                                   {.history = log_.history().id,
                                    .epoch = log_.history().epoch,
                                    .index = log_.Durable(),
                                    .server_time = options_.now()},
                                   copied, job.made_);
  }
  if (status.ok() && request.keep > 0) status = directory->Keep(request.keep);
  job.kept_ = directory->List().size();
  const std::lock_guard lock(mutex_);
  directory_ = nullptr;
  return status;
}

}  // namespace holdfast
