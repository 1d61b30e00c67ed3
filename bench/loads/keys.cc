// What a shop's other requests look like: sessions that live by their TTL, hashes of some fields,
// several values in one command.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/loads/load.h"
#include "bench/request_template.h"
#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

constexpr int kSeveral = 10;  // fields of a hash, keys of an MSET

// One request over and over, with another key each time.
class KeysLoad : public Load {
 public:
  // `before` makes each key; without words nothing is made.
  KeysLoad(const Arguments& arguments, const std::vector<std::string>& request,
           std::vector<std::string> before = {})
      : keys_(arguments.keys),
        random_(arguments.seed),
        request_(request),
        before_(std::move(before)) {}

  Status Prepare(Client& client) override {
    if (before_.empty()) return Status::Ok();
    const RequestTemplate make(before_);
    return SendMany(client, keys_,
                    [&make](std::string& out, uint64_t key) { make.AppendTo(out, {.key = key}); });
  }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    request_.AppendTo(out, {.key = random_.Below(keys_)});
  }

 private:
  uint64_t keys_;
  Random random_;
  RequestTemplate request_;
  std::vector<std::string> before_;
};

// The command, then `several` of what `word` makes of a number.
template <typename Word>
std::vector<std::string> Several(std::vector<std::string> words, Word word) {
  for (int i = 0; i < kSeveral; ++i) {
    for (std::string& one : word(std::to_string(i))) words.push_back(std::move(one));
  }
  return words;
}

using Words = std::vector<std::string>;

Words SetSeveral(const Arguments& arguments) {
  return Several({"MSET"}, [&](const std::string& i) {
    return Words{"key:<key:12>:" + i, std::string(arguments.value_bytes, 'x')};
  });
}

}  // namespace

std::unique_ptr<Load> MakeSessionLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(
      arguments,
      Words{"SET", "session:<key:9>", std::string(arguments.value_bytes, 'x'), "EX", "1800"});
}

std::unique_ptr<Load> MakeHsetLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(
      arguments, Several({"HSET", "hash:<key:12>"}, [&](const std::string& i) {
        return Words{"field:" + i, std::string(arguments.value_bytes, 'x')};
      }));
}

std::unique_ptr<Load> MakeMsetLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(arguments, SetSeveral(arguments));
}

std::unique_ptr<Load> MakeMgetLoad(const Arguments& arguments) {
  const Words request =
      Several({"MGET"}, [](const std::string& i) { return Words{"key:<key:12>:" + i}; });
  return std::make_unique<KeysLoad>(arguments, request, SetSeveral(arguments));
}

}  // namespace holdfast::bench
