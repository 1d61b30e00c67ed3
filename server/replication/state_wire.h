// How a state travels on a link, when the log no longer reaches back to where a replica stands: the
// rows of the primary's snapshot, between a beginning and an end.
//
//   primary ── StateBegins ──► node      what it is
//           ◄── StateWanted ──           what of it is here already, from a link that went down
//           ── StateRows... ─►           what lies behind that
//           ── StateEnds ────►
//
// or the answer is StateDeclined, and nothing comes of it. Frames as in wire.h, of the kinds
//
//   kind  body
//    64   StateBegins  epoch:u64 history:word epochs:word last:place mark:word, the words being
//                      rows as storage/history.h, trimmed_epochs.h and snapshot_mark.h write them;
//                      no mark: there is no snapshot
//    65   StateRows    (key word, value word)...
//    66   StateEnds
//    67   StateWanted  snapshot:u64 rows:u64 after:word, the key of the last of these rows; empty
//                      if there are none
//    68   StateDeclined  snapshot:u64
//
// The snapshot's number, as the mark has it (0: no mark), tells which StateBegins it answers.
//
// The history's hash seed is in it, which clients must not know: a link is for a network that one
// trusts, or a tunnel.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "server/replication/message.h"
#include "storage/base/status.h"
#include "storage/state_reader.h"

namespace holdfast {

struct StateBegins {
  Epoch epoch = 0;  // of the primary that sends it
  StateHead head{};
};
struct StateRows {
  std::string_view packed;  // points into the frame
};
struct StateEnds {};
struct StateWanted {
  uint64_t snapshot = 0;
  uint64_t rows = 0;         // as the node says: nothing may rest on it
  std::string_view after{};  // points into the frame, or to what is sent
};
struct StateDeclined {
  uint64_t snapshot = 0;
};

using StateMessage = std::variant<StateBegins, StateRows, StateEnds, StateWanted, StateDeclined>;

void AppendStateFrame(std::string& out, const HistoryId& history, const StateMessage& message);

// Whether a frame is one of these, going by its kind. `frame` is not empty.
bool IsStateFrame(std::string_view frame);
// kDamaged, with what is wrong, unless it is exactly what AppendStateFrame makes.
Status DecodeStateFrame(std::string_view frame, StateMessage& out);

}  // namespace holdfast
