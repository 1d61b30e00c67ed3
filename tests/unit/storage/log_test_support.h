// What the log's tests share: batches with a text in them, a directory that goes away, a waker that
// counts.
#pragma once

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/mutation.h"
#include "storage/group.h"
#include "storage/history.h"
#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

using Texts = std::vector<std::string>;

struct Text {
  static constexpr MutationKind kKind = MutationKind::kStringSet;
  std::string_view text;
  void EncodeBody(std::string& out) const { AppendWord(out, text); }
};

// One mutation that carries `text`.
inline std::string Mutations(std::string_view text, Slot slot = 7) {
  std::string bytes;
  AppendMutation(bytes, {.db = 0, .slot = slot, .key = "key"}, Text{text});
  return bytes;
}

inline NodeId TestNode(char fill) {
  NodeId id;
  id.bytes.fill(fill);
  return id;
}

inline HistoryId TestHistory(char fill = 'h') {
  HistoryId id;
  id.bytes.fill(fill);
  return id;
}

// Indexes and texts as a replay handed them over.
struct Heard {
  std::vector<Index> indexes;
  std::vector<std::string> texts;

  ReplayFn Listener() {
    return [this](Index index, std::string_view mutations) {
      indexes.push_back(index);
      ByteReader reader(mutations);
      MutationView mutation;
      while (NextMutation(reader, mutation)) {
        ByteReader body(mutation.body);
        texts.emplace_back(body.Word());
      }
      return Status::Ok();
    };
  }
};

class CountingWaker : public Waker {
 public:
  void Wake() override { ++wakes; }
  std::atomic<int> wakes{0};
};

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteFile(const std::string& path, std::string_view bytes) {
  std::filesystem::remove(path);  // ext4 syncs a file that is truncated and written again
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace holdfast
