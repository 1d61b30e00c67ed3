// Ordinary keys: what every Redis user knows, and what a shop's other requests look like: sessions
// that live by their TTL, hashes of some fields, several values in one command.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/loads/load.h"
#include "bench/request_template.h"
#include "bench/sale.h"
#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

constexpr int kSeveral = 10;  // fields of a hash, keys of an MSET

using Words = std::vector<std::string>;

// One request over and over, with another key each time.
class KeysLoad : public Load {
 public:
  // `before` makes each key; without words nothing is made.
  KeysLoad(const Arguments& arguments, const Words& request, Words before = {})
      : arguments_(arguments),
        random_(arguments.seed),
        request_(request),
        before_(std::move(before)) {}

  Status Prepare(Client& client) override {
    if (before_.empty()) return Status::Ok();
    const RequestTemplate make(before_);
    return SendMany(client, arguments_.keys,
                    [&make](std::string& out, uint64_t key) { make.AppendTo(out, {.key = key}); });
  }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    const uint64_t key =
        arguments_.in_order ? next_++ % arguments_.keys : random_.Below(arguments_.keys);
    request_.AppendTo(out, {.key = key, .ttl_ms = TtlMs(arguments_)});
  }

 private:
  const Arguments arguments_;
  Random random_;
  uint64_t next_ = 0;
  RequestTemplate request_;
  Words before_;
};

std::string Value(const Arguments& arguments) { return std::string(arguments.value_bytes, 'x'); }

std::string Key(const Arguments& arguments) { return Tagged(arguments, "key:<key:12>"); }

// The command, then `several` of what `word` makes of a number.
template <typename Word>
Words Several(Words words, Word word) {
  for (int i = 0; i < kSeveral; ++i) {
    for (std::string& one : word(std::to_string(i))) words.push_back(std::move(one));
  }
  return words;
}

Words SetSeveral(const Arguments& arguments) {
  return Several({"MSET"}, [&](const std::string& i) {
    return Words{Key(arguments) + ":" + i, Value(arguments)};
  });
}

}  // namespace

std::unique_ptr<Load> MakePingLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(arguments, Words{"PING"});
}

std::unique_ptr<Load> MakeSetLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(arguments, Words{"SET", Key(arguments), Value(arguments)});
}

std::unique_ptr<Load> MakeGetLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(arguments, Words{"GET", Key(arguments)},
                                    Words{"SET", Key(arguments), Value(arguments)});
}

std::unique_ptr<Load> MakeSessionLoad(const Arguments& arguments) {
  Words words{"SET", Tagged(arguments, "session:<key:9>"), Value(arguments), "EX", "1800"};
  if (arguments.ends_at_ms > 0) words = {words[0], words[1], words[2], "PX", "<ttl_ms:5>"};
  return std::make_unique<KeysLoad>(arguments, words);
}

std::unique_ptr<Load> MakeHsetLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(
      arguments, Several({"HSET", Tagged(arguments, "hash:<key:12>")}, [&](const std::string& i) {
        return Words{"field:" + i, Value(arguments)};
      }));
}

std::unique_ptr<Load> MakeMsetLoad(const Arguments& arguments) {
  return std::make_unique<KeysLoad>(arguments, SetSeveral(arguments));
}

std::unique_ptr<Load> MakeMgetLoad(const Arguments& arguments) {
  const Words request =
      Several({"MGET"}, [&](const std::string& i) { return Words{Key(arguments) + ":" + i}; });
  return std::make_unique<KeysLoad>(arguments, request, SetSeveral(arguments));
}

}  // namespace holdfast::bench
