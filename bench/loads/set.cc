// SET of a random key: the write that every Redis user knows.
#include "bench/loads/load.h"
#include "bench/request_template.h"
#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

class SetLoad : public Load {
 public:
  explicit SetLoad(const Arguments& arguments)
      : keys_(arguments.keys),
        random_(arguments.seed),
        request_({"SET", "key:<key:12>", std::string(arguments.value_bytes, 'x')}) {}

  Status Prepare(Client& /*client*/) override { return Status::Ok(); }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    request_.AppendTo(out, {.key = random_.Below(keys_)});
  }

 private:
  uint64_t keys_;
  Random random_;
  RequestTemplate request_;
};

}  // namespace

std::unique_ptr<Load> MakeSetLoad(const Arguments& arguments) {
  return std::make_unique<SetLoad>(arguments);
}

}  // namespace holdfast::bench
