// What one shard tells another of a key for a group: written under the key's lock, read by the
// coordinator, in one process.
//
//   there:u8                                        0: absent, and nothing follows
//   type:u8  deadline:i64 (Unix ms, 0 for none)  has_value:u8
//   value    string: the bytes, all the rest
//            hash:   count:u32 | count x (field word, value word)
#pragma once

#include <string>
#include <string_view>

#include "server/group.h"
#include "storage/core/entry.h"

namespace holdfast {

// Null: absent.
void AppendKeyDump(std::string& out, const Entry* entry, bool with_value);

// `entry` becomes a copy of the key's entry if its value was dumped; the view points at it.
KeyView ReadKeyDump(std::string_view key, std::string_view dump, Entry::Handle& entry);

}  // namespace holdfast
