#include "server/command.h"

namespace holdfast {

void CommandContext::WaitForRead(TurnStamp stamp) { WaitForChange(stamp); }

}  // namespace holdfast
