#include "server/net/mailbox.h"

#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

Mailbox::Mailbox(uv_loop_t* loop, void* owner, void (*on_wake)(void* owner))
    : owner_(owner), on_wake_(on_wake), async_() {
  async_.data = this;
  const int error = uv_async_init(loop, &async_, [](uv_async_t* async) {
    auto* mailbox = static_cast<Mailbox*>(async->data);
    mailbox->on_wake_(mailbox->owner_);
  });
  Invariant(error == 0);
}

void Mailbox::Wake() { uv_async_send(&async_); }

void Mailbox::Put(Letter& letter) {
  {
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::exchange(letter, {}));
  }
  Wake();
}

void Mailbox::Take(std::vector<Letter>& out) {
  out.clear();
  const std::lock_guard lock(mutex_);
  out.swap(letters_);
}

void Mailbox::Close() { uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr); }

}  // namespace holdfast
