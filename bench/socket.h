// Connections to the server: the blocking one for setting up and auditing, the non-blocking one for
// load.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/arguments.h"
#include "protocol/resp_value.h"
#include "storage/base/status.h"

namespace holdfast::bench {

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// Connects, blocking for at most a second or two, and logs in when there is a password.
Status Connect(const Address& address, Descriptor& out);

// One request, one answer: for what must be done before and after the load.
class Client {
 public:
  Status Open(const Address& address) { return Connect(address, socket_); }

  // The value's texts live until the next call. An error reply is a good answer here.
  Status Call(std::span<const std::string> words, RespValue& reply);
  Status Call(std::initializer_list<std::string> words, RespValue& reply) {
    return Call(std::span<const std::string>(words.begin(), words.size()), reply);
  }
  // As Call, and an error reply is a Status too.
  Status CallGood(std::span<const std::string> words, RespValue& reply);
  Status CallGood(std::initializer_list<std::string> words, RespValue& reply) {
    return CallGood(std::span<const std::string>(words.begin(), words.size()), reply);
  }

  // For many requests: append them to out(), Send once, then Next as many times.
  std::string& out() { return out_; }
  Status Send();
  Status Next(RespValue& reply);

 private:
  Descriptor socket_;
  std::string out_;
  std::string in_;
  size_t taken_ = 0;  // bytes of in_ that earlier replies took
};

// A non-blocking connection's two buffers.
class Wire {
 public:
  enum class Result : unsigned char { kOk, kBlocked, kClosed };

  Status Open(const Address& address);
  void Close();
  bool open() const { return socket_.open(); }
  int fd() const { return socket_.get(); }

  std::string& out() { return out_; }
  // kBlocked: the kernel's buffer is full, go on when the socket is writable.
  Result Flush();
  // Reads once what there is. kBlocked: nothing.
  Result Fill();

  std::string_view input() const { return {in_.data() + begin_, end_ - begin_}; }
  // Requires: bytes ≤ input().size().
  void Consume(size_t bytes) { begin_ += bytes; }

 private:
  Descriptor socket_;
  std::string out_;
  size_t sent_ = 0;
  std::vector<char> in_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace holdfast::bench
