// How a shard's loop is reached from other threads: letters from other shards, the log's wake. The
// only lock that an event loop takes besides the log's queue, held for a swap.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <uv.h>

#include "server/shard/letters.h"
#include "storage/waker.h"

namespace holdfast {

class Mailbox final : public Waker {
 public:
  // `on_wake(owner)` runs in the loop's thread, once for any number of wakes.
  Mailbox(uv_loop_t* loop, void* owner, void (*on_wake)(void* owner));

  // Any thread.
  void Wake() override;
  void Put(Letter& letter);

  // Loop's thread. Swaps the letters out, in the order in which they came.
  void Take(std::vector<Letter>& out);
  void Close();

 private:
  void* owner_;
  void (*on_wake_)(void* owner);
  uv_async_t async_;

  std::mutex mutex_;
  std::vector<Letter> letters_;
};

// Copies nothing: a letter's bytes change hands.
class MailboxPost final : public Post {
 public:
  explicit MailboxPost(std::vector<Mailbox*> mailboxes) : mailboxes_(std::move(mailboxes)) {}
  void Send(ShardId to, Letter& letter) override { mailboxes_[to]->Put(letter); }

 private:
  std::vector<Mailbox*> mailboxes_;
};

}  // namespace holdfast
