// Mutations as text, for whoever looks into a log:
//
//   HoldExtended db=0 slot=1234 key="mask" at=1795288322993 deadline=1795288922993 hold="ord-1"
//   kind-200 db=0 slot=7 key="k" body="\x01\x02"           a kind of a later version
//   HoldExtended db=0 slot=7 key="k" malformed body="\x01"
//
// Words are quoted as redis-cli quotes them, long ones cut short with their length behind them;
// instants are Unix ms (0: none), spans ms.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "storage/core/mutation.h"

namespace holdfast {

// "HoldTaken"; "kind-200" for one that this version does not know.
std::string NameOf(MutationKind kind);
bool IsKnown(MutationKind kind);
// Every kind that there is, by rising number.
std::span<const MutationKind> AllMutationKinds();

// Whether the body is, from end to end, one that its kind can have.
bool IsWellFormed(const MutationView& mutation);

// One line, without its end. Any bytes will do.
void AppendText(std::string& out, const MutationView& mutation);

}  // namespace holdfast
