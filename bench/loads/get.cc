// GET of a random key that is there.
#include "bench/loads/load.h"
#include "bench/request_template.h"
#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

class GetLoad : public Load {
 public:
  explicit GetLoad(const Arguments& arguments)
      : keys_(arguments.keys), value_bytes_(arguments.value_bytes), random_(arguments.seed) {}

  Status Prepare(Client& client) override {
    const RequestTemplate set({"SET", "key:<key:12>", std::string(value_bytes_, 'x')});
    return SendMany(client, keys_,
                    [&set](std::string& out, uint64_t key) { set.AppendTo(out, {.key = key}); });
  }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    request_.AppendTo(out, {.key = random_.Below(keys_)});
  }

 private:
  uint64_t keys_;
  uint64_t value_bytes_;
  Random random_;
  RequestTemplate request_{{"GET", "key:<key:12>"}};
};

}  // namespace

std::unique_ptr<Load> MakeGetLoad(const Arguments& arguments) {
  return std::make_unique<GetLoad>(arguments);
}

}  // namespace holdfast::bench
