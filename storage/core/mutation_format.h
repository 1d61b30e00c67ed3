// The formats of mutations. A format is a set of kinds (storage/core/mutation.h): each has those of
// the one before. A server reads all up to the newest that it knows, and writes none newer than
// `holdfast-format` says, so nodes of a group can be upgraded one by one, and the new kinds begin
// when all read them.
//
//   1   all up to kEpochOpened
//
// Whoever adds a kind gives it the next format, and decides by Config::holdfast_format whether to
// write it.
#pragma once

#include <cstdint>

namespace holdfast {

inline constexpr int64_t kOldestFormat = 1;
inline constexpr int64_t kNewestFormat = 1;

}  // namespace holdfast
