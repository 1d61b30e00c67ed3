// What one shard tells another of a key for a group: written under the key's lock, read by the
// coordinator, in one process.
//
//   there:u8                                        0: absent, and nothing follows
//   type:u8  deadline:i64 (Unix ms, 0 for none)  has_value:u8 (2: it is too large)
//   value    string: the bytes, all the rest
//            hash:   count:u32 | count x (field word, value word)
#pragma once

#include <string>
#include <string_view>

#include "server/group.h"
#include "storage/core/entry.h"

namespace holdfast {

// What is asked of a key.
enum class KeyAsk : uint8_t {
  kType,    // what it is
  kString,  // its value too, if it is a string
  kValue,   // its value, whatever it is
  kSku,     // nothing; but a lock waits until nothing is due on it
};

// Null: absent. A value of more than about `bytes_max` is left out.
void AppendKeyDump(std::string& out, const Entry* entry, KeyAsk ask, size_t bytes_max);

// `entry` becomes a copy of the key's entry if its value was dumped; the view points at it.
// `too_large` becomes true if the value was wanted and left out.
KeyView ReadKeyDump(std::string_view key, std::string_view dump, Entry::Handle& entry,
                    bool& too_large);

}  // namespace holdfast
