// The data directory, held by one server at a time: two of them on one log would each believe they
// own it. Whether what lies in it is ours is for the log to say.
#pragma once

#include <string>

#include "storage/base/status.h"

namespace holdfast {

class DataDir {
 public:
  DataDir() = default;
  ~DataDir();

  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  // Makes the directory when only its last component is missing, and locks `<path>/holdfast.lock`
  // until destruction (or until the process ends, however it ends). Busy: another server has it;
  // Invalid or Io: it cannot be used. The text names the directory and the remedy.
  Status Open(const std::string& path);

  // Absolute: it stays right whatever the working directory becomes.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace holdfast
