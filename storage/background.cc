#include "storage/background.h"

#include <sys/resource.h>
#include <unistd.h>

namespace holdfast {

void GoToBackground() {
  constexpr int kNice = 10;
  // On Linux a thread has a nice value of its own.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace holdfast
