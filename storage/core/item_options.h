// What STOCK.CREATE and STOCK.SET say about a SKU.
#pragma once

#include "storage/base/server_time.h"
#include "storage/core/units.h"

namespace holdfast {

// Zero is "unset" for each of them; for ttl and retain that means the server's default.
struct ItemOptions {
  Units limit = 0;   // per buyer
  Units maxqty = 0;  // per hold
  Units safety = 0;  // units never sold
  UnixMs opens = kNever;
  UnixMs closes = kNever;
  DurationMs ttl{0};
  DurationMs retain{0};
  bool paused = false;

  friend bool operator==(const ItemOptions&, const ItemOptions&) = default;
};

}  // namespace holdfast
