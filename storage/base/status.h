// Status: whether the world outside did what was asked of it. RocksDB's, libuv's and the system's
// errors become one of these at their edge. Success carries no text and costs no allocation.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

class [[nodiscard]] Status {
 public:
  enum class Code : unsigned char {
    kOk,
    kInvalid,   // the request or the configuration is wrong: the text says how to mend it
    kNotFound,  // what was asked for is not there
    kIo,        // the disk or the network failed
    kDamaged,   // bytes were read that we did not write
    kBusy,      // somebody else holds it
  };

  Status() = default;
  static Status Ok() { return {}; }
  static Status Invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }
  static Status NotFound(std::string text) { return {Code::kNotFound, std::move(text)}; }
  static Status Io(std::string text) { return {Code::kIo, std::move(text)}; }
  static Status Damaged(std::string text) { return {Code::kDamaged, std::move(text)}; }
  static Status Busy(std::string text) { return {Code::kBusy, std::move(text)}; }

  // "<what>: <strerror(error_number)>", as kIo.
  static Status FromErrno(std::string_view what, int error_number);

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& text() const { return text_; }

 private:
  Status(Code code, std::string text) : code_(code), text_(std::move(text)) {}

  Code code_ = Code::kOk;
  std::string text_;
};

}  // namespace holdfast
