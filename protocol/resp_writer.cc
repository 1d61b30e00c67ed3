#include "protocol/resp_writer.h"

#include <algorithm>
#include <cmath>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

constexpr int kDoubleDigits = 17;
constexpr size_t kFormatBytes = 3;  // of a verbatim string, before its ':'

}  // namespace

void RespWriter::SimpleString(std::string_view text) {
  out_.push_back('+');
  out_.append(text).append(kCrlf);
}

void RespWriter::Error(std::string_view text) {
  out_.push_back('-');
  const size_t start = out_.size();
  out_.append(text);
  // Otherwise a client could forge replies by having its own bytes quoted back to it.
  const auto breaks_line = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(out_.begin() + static_cast<ptrdiff_t>(start), out_.end(), breaks_line, ' ');
  out_.append(kCrlf);
}

void RespWriter::Bulk(std::string_view bytes) {
  if (out_.size() >= end_) return;
  Header('$', bytes.size());
  out_.append(bytes).append(kCrlf);
}

void RespWriter::Double(double value) {
  char text[32];  // "-1.7976931348623157e+308" has 24
  char* end = nullptr;
  if (std::isfinite(value)) {
    end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, kDoubleDigits)
              .ptr;
  } else {
    const std::string_view word = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    end = std::copy(word.begin(), word.end(), text);
  }
  const std::string_view digits(text, static_cast<size_t>(end - text));
  if (!Resp3()) return Bulk(digits);
  out_.push_back(',');
  out_.append(digits).append(kCrlf);
}

void RespWriter::Boolean(bool value) {
  if (!Resp3()) return Raw(value ? kOneReply : kZeroReply);
  Raw(value ? "#t\r\n" : "#f\r\n");
}

void RespWriter::BigNumber(std::string_view digits) {
  if (!Resp3()) return Bulk(digits);
  out_.push_back('(');
  out_.append(digits).append(kCrlf);
}

void RespWriter::Verbatim(std::string_view format, std::string_view text) {
  Invariant(format.size() == kFormatBytes);
  if (!Resp3()) return Bulk(text);
  Header('=', format.size() + 1 + text.size());
  out_.append(format).append(":").append(text).append(kCrlf);
}

}  // namespace holdfast
