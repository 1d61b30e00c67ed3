// A write-ahead file shown to RocksDB otherwise than it lies on disk.
#pragma once

#include <memory>
#include <string>

#include <rocksdb/file_system.h>

namespace holdfast {

// All that `file` has from its place on.
rocksdb::IOStatus ReadAll(rocksdb::FSSequentialFile& file, std::string& out);

// A file that has these bytes.
std::unique_ptr<rocksdb::FSSequentialFile> FileOfBytes(std::string bytes);

}  // namespace holdfast
