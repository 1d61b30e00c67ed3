#include "server/replication/group_store.h"

#include <utility>

namespace holdfast {

GroupRecord OwnGroupStore::Get() const {
  const Epochs epochs = log_.epochs();
  return {.epoch = epochs.last(), .group = epochs.group()};
}

// Written by what comes next: RocksLog::OpenEpoch.
void OwnGroupStore::CompareAndSwap(uint64_t expected, const GroupRecord&, SwappedFn done) {
  done(Get().group.version == expected);
}

void OwnGroupStore::Watch(WatchFn watch) { watch_ = std::move(watch); }

void OwnGroupStore::Look() {
  GroupRecord record = Get();
  if (told_ == record) return;
  told_ = std::move(record);
  if (watch_ && told_->epoch > 0) watch_(*told_);
}

}  // namespace holdfast
