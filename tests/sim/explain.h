// Explain: whether a reply that left the server tells of a state that the log went through, late
// enough for whoever asked and early enough to be durable (I7). So a reply is judged when it is
// heard, and not only if a crash happens to take what it told.
#pragma once

#include <string>
#include <vector>

#include "protocol/resp_value.h"
#include "storage/log.h"
#include "tests/sim/referee.h"

namespace holdfast {

struct Asked {
  std::vector<std::string> words;
  Index log_end = 0;  // when it was sent
  UnixMs at = kNever;
  // Nothing was due on its SKU, and the log or the memory grew when it ran; see I10.
  bool grew = false;
};

// When a reply was heard, and which states it may tell of.
struct HeardAt {
  Index durable;  // stock
  Index log_end;  // ordinary keys, which do not wait for the disk
  UnixMs at;
};

// What no state explains; empty: all is well. `reply` is the value at `node`.
std::string Explain(const Referee& referee, const Asked& asked, const RespValue& reply,
                    const RespNode& node, const HeardAt& heard);

}  // namespace holdfast
