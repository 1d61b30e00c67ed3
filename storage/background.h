// For threads whose work can wait: a snapshot's, a backup's. Where they share a core with a loop,
// the loop goes first.
#pragma once

namespace holdfast {

// From now on this thread, and every one that it starts, gets about a tenth of what a busy thread
// of usual priority gets (nice 10). Nothing happens where the system does not let it.
void GoToBackground();

}  // namespace holdfast
