// LastWords: what the check says when an invariant stops it. The state is loaded by the server's
// own functions, and these stop the process where a change of stock contradicts what came before
// it. Every byte is then as it was written, and still no server can start: the place must be told.
#pragma once

#include "storage/log.h"

namespace holdfast {

// While it lives, std::abort ends the process with exit code 1 and the place. One at a time.
class LastWords {
 public:
  LastWords();
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

  // What is loaded now; before the first: the snapshot.
  static void Loading(Index index);
};

}  // namespace holdfast
