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
  RequestTemplate
      reserve;  // one unit; numbers: sku, hold, buyer, and ttl_ms if they all end at once
  RequestTemplate confirm;  // numbers: sku, hold; empty in the bare dialect, as is the next
  RequestTemplate release;
  std::string run;  // part of every key, so that no run meets another's holds
};

// A limit per buyer (kSaleLimit) and a window: all checks that a real sale has are made.
struct SaleTerms {
  uint64_t units = 1'000'000'000'000;
  std::string opens_ms = "1";
};
inline constexpr const char* kNotYetMs = "4102444700000";  // in 2100, before the sale closes

// Creates the SKUs, as many and in that dialect as the arguments say.
Status MakeSale(Client& client, const Arguments& arguments, const SaleTerms& terms, Sale& out);

// The words of a key, with the tag that all keys of the load share, if they do.
std::string Tagged(const Arguments& arguments, const std::string& key);

// The time to live of a request that is sent now, of five digits; 0 where nothing ends at once.
uint64_t TtlMs(const Arguments& arguments);

// The server's time in microseconds since 1970.
Status ServerTime(Client& client, uint64_t& us);

}  // namespace holdfast::bench
