// LinkHello: with what two nodes introduce themselves on a link, and whether they understand each
// other. Whoever dials asks as a client does, and the other one answers in a line:
//
//   NODELINK version reads writes node host-or-"" port
//   +LINK version reads writes node
//
//   version   of what follows on the link (server/replication/wire.h): equal on both
//   reads     the newest format of mutations that this node reads (storage/core/mutation_format.h)
//   writes    the newest that it would write as a primary: `holdfast-format`
//   host      where others reach it; empty: as it is seen
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/replication/control.h"
#include "server/replication/wire.h"
#include "storage/base/status.h"
#include "storage/core/mutation_format.h"

namespace holdfast {

struct LinkHello {
  int64_t version = kReplicationVersion;
  int64_t reads = kNewestFormat;
  int64_t writes = kOldestFormat;
  NodeId node{};
  NodeAddress announced{};

  bool operator==(const LinkHello&) const = default;
};

std::vector<std::string> EncodeLinkRequest(const LinkHello& hello);
// Without "\r\n".
std::string EncodeLinkAnswer(const LinkHello& hello);

// Not ok: it is none, or one of another version, of which no more is read than that. The text is
// for whoever runs the node.
Status DecodeLinkRequest(std::span<const std::string_view> words, LinkHello& out);
Status DecodeLinkAnswer(std::string_view line, LinkHello& out);

// Not ok: one of the two would be sent what it cannot read, whichever leads; the text names the
// remedy.
Status CanLink(const LinkHello& ours, const LinkHello& theirs);

}  // namespace holdfast
