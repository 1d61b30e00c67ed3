// What `holdfast --list-backups` and `holdfast --restore-from` do, on standard output.
#pragma once

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

// A line for each backup in request.backups.
Status PrintBackups(const StartRequest& request);

// Brings the backup that is asked for into the data directory, which must hold no data. Starts no
// server.
Status Restore(const StartRequest& request);

}  // namespace holdfast
