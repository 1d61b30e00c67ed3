#include "server/replication/control.h"

#include <charconv>

namespace holdfast {

std::string NodeAddress::Text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool ParseNodeAddress(std::string_view text, NodeAddress& out) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  int64_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return false;
  if (host.empty() || port < 1 || port > 65535) return false;
  out = {.host = std::string(host), .port = port};
  return true;
}

}  // namespace holdfast
