// hiredis (RESP2) on a libuv loop, as an event-driven shop in C or C++ would use it.
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <unistd.h>
#include <uv.h>

namespace {

int PortOf(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoi(text);
}

struct Reply {
  int type = REDIS_REPLY_NIL;
  long long integer = 0;
  std::string text;
  std::vector<Reply> elements;
};

Reply CopyOf(const redisReply& reply) {
  Reply copy;
  copy.type = reply.type;
  copy.integer = reply.integer;
  if (reply.str != nullptr) copy.text.assign(reply.str, static_cast<size_t>(reply.len));
  for (size_t i = 0; i < reply.elements; ++i) copy.elements.push_back(CopyOf(*reply.element[i]));
  return copy;
}

using Words = std::vector<std::string>;
using OnReply = std::function<void(const Reply&)>;

// One connection; several share the loop. Everything happens in Run.
class Connection {
 public:
  explicit Connection(uv_loop_t* loop)
      : context_(redisAsyncConnect("127.0.0.1", PortOf("HOLDFAST_PORT"))) {
    context_->data = this;
    redisLibuvAttach(context_, loop);
    redisAsyncSetConnectCallback(context_, [](const redisAsyncContext* context, int status) {
      if (status != REDIS_OK) static_cast<Connection*>(context->data)->context_ = nullptr;
    });
    redisAsyncSetDisconnectCallback(context_, [](const redisAsyncContext* context, int status) {
      auto* const self = static_cast<Connection*>(context->data);
      self->lost_ = status != REDIS_OK;
      self->context_ = nullptr;  // hiredis frees it after this
    });
  }
  ~Connection() {
    if (context_ != nullptr) redisAsyncFree(context_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Ask(const Words& words, OnReply on_reply) {
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAsyncCommandArgv(
        context_,
        [](redisAsyncContext*, void* reply, void* waiting) {
          const std::unique_ptr<OnReply> owned(static_cast<OnReply*>(waiting));
          if (reply != nullptr) (*owned)(CopyOf(*static_cast<redisReply*>(reply)));
        },
        new OnReply(std::move(on_reply)), static_cast<int>(words.size()), texts.data(),
        sizes.data());
  }

  bool lost() const { return lost_; }
  bool connected() const { return context_ != nullptr; }

 private:
  redisAsyncContext* context_;
  bool lost_ = false;
};

class HiredisOnLibuv : public ::testing::Test {
 protected:
  HiredisOnLibuv() {
    uv_loop_init(&loop_);
    connection_ = std::make_unique<Connection>(&loop_);
  }
  ~HiredisOnLibuv() override {
    connection_.reset();
    uv_run(&loop_, UV_RUN_DEFAULT);  // lets the handles close
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  // Turns the loop until `done`. ctest's time limit is the bound.
  template <typename Done>
  void RunUntil(Done done) {
    while (!done()) uv_run(&loop_, UV_RUN_ONCE);
  }

  Reply Call(const Words& words) {
    std::unique_ptr<Reply> got;
    connection_->Ask(words, [&](const Reply& reply) { got = std::make_unique<Reply>(reply); });
    RunUntil([&] { return got != nullptr || connection_->lost(); });
    return got == nullptr ? Reply{} : *got;
  }

  // Until the server listens again; blocking, so that the loop sees what a stalled program sees.
  static void RestartServer() {
    redisContext* const control = redisConnect("127.0.0.1", PortOf("HOLDFAST_CONTROL"));
    const std::string request = "restart\n";
    ASSERT_EQ(write(control->fd, request.data(), request.size()), std::ssize(request));
    char done[8];
    ASSERT_GT(read(control->fd, done, sizeof done), 0);
    redisFree(control);
  }

  uv_loop_t loop_{};
  std::unique_ptr<Connection> connection_;
};

TEST_F(HiredisOnLibuv, ASessionLivesAsLongAsItWasGiven) {
  EXPECT_EQ(Call({"SET", "session", "cart", "EX", "600"}).text, "OK");
  EXPECT_EQ(Call({"GET", "session"}).text, "cart");
  EXPECT_GT(Call({"TTL", "session"}).integer, 590);
  Call({"PEXPIRE", "session", "20"});
  while (Call({"GET", "session"}).type != REDIS_REPLY_NIL) {
  }
}

TEST_F(HiredisOnLibuv, AThousandCommandsAtOnceAreAnsweredInOrder) {
  std::vector<long long> counts;
  for (int i = 0; i < 1000; ++i) {
    connection_->Ask({"INCR", "visits"},
                     [&](const Reply& reply) { counts.push_back(reply.integer); });
  }
  RunUntil([&] { return counts.size() == 1000; });
  for (size_t i = 0; i < counts.size(); ++i) ASSERT_EQ(counts[i], static_cast<long long>(i) + 1);
}

TEST_F(HiredisOnLibuv, BytesComeBackAsTheyWent) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i);
  Call({"SET", "bytes", bytes});
  EXPECT_EQ(Call({"GET", "bytes"}).text, bytes);
}

TEST_F(HiredisOnLibuv, ARefusalIsAnAnswerAndMisuseAnError) {
  Call({"STOCK.CREATE", "mask", "1"});
  const Reply held = Call({"RESERVE", "mask", "order-1", "1"});
  ASSERT_EQ(held.elements.size(), 4U);
  EXPECT_EQ(held.elements[0].text, "HELD");
  const Reply refused = Call({"RESERVE", "mask", "order-2", "1"});
  ASSERT_EQ(refused.type, REDIS_REPLY_ARRAY);
  EXPECT_EQ(refused.elements[0].text, "SOLDOUT");
  const Reply misuse = Call({"CONFIRM", "mask", "unknown"});
  ASSERT_EQ(misuse.type, REDIS_REPLY_ERROR);
  EXPECT_TRUE(misuse.text.starts_with("NOHOLD ")) << misuse.text;
}

TEST_F(HiredisOnLibuv, ManyConnectionsTakeEachUnitOnce) {
  Call({"STOCK.CREATE", "rush", "50"});
  std::vector<std::unique_ptr<Connection>> buyers;
  int answers = 0;
  int held = 0;
  for (int i = 0; i < 20; ++i) {
    buyers.push_back(std::make_unique<Connection>(&loop_));
    for (int n = 0; n < 10; ++n) {
      const std::string hold = std::to_string(i) + "-" + std::to_string(n);
      buyers.back()->Ask({"RESERVE", "rush", hold, "1"}, [&](const Reply& reply) {
        ++answers;
        held += reply.elements.at(0).text == "HELD";
      });
    }
  }
  RunUntil([&] { return answers == 200; });
  EXPECT_EQ(held, 50);
}

TEST_F(HiredisOnLibuv, ARestartIsSeenAndNothingAcknowledgedIsGone) {
  Call({"STOCK.CREATE", "kept", "1"});
  Call({"RESERVE", "kept", "order-1", "1"});
  RestartServer();
  RunUntil([&] { return !connection_->connected(); });
  connection_ = std::make_unique<Connection>(&loop_);
  const Reply confirmed = Call({"CONFIRM", "kept", "order-1"});
  ASSERT_EQ(confirmed.elements.size(), 2U);
  EXPECT_EQ(confirmed.elements[0].text, "CONFIRMED");
}

}  // namespace
