// Linked before the server's own: replies that only read do not wait for what they tell.
#include "server/command.h"

namespace holdfast {

void CommandContext::WaitForRead(TurnStamp) {}

}  // namespace holdfast
