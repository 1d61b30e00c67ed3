// A sale on the server under test, in the dialect asked for: its SKUs, and its requests as
// templates.
#pragma once

#include <cstdint>
#include <string>

#include "bench/arguments.h"
#include "bench/request_template.h"
#include "bench/socket.h"
#include "storage/base/status.h"

namespace holdfast::bench {

struct Sale {
  RequestTemplate reserve;  // one unit; numbers: sku, hold, buyer
  RequestTemplate confirm;  // numbers: sku, hold; empty in the bare dialect, as is the next
  RequestTemplate release;
  std::string run;  // part of every key, so that no run meets another's holds
};

// A limit per buyer and an open window: all checks that a real sale has are made.
inline constexpr uint64_t kSaleLimit = 5;

// Creates `skus` SKUs of `units` units each.
Status MakeSale(Client& client, Dialect dialect, uint64_t skus, uint64_t units, Sale& out);

// The server's time in microseconds since 1970.
Status ServerTime(Client& client, uint64_t& us);

}  // namespace holdfast::bench
