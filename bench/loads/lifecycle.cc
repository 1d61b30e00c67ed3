// Whole lives: each hold is reserved and then, on the same connection, confirmed (70 %) or
// released.
#include <vector>

#include "bench/loads/load.h"
#include "bench/sale.h"
#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kConfirmPercent = 70;

class LifecycleLoad : public Load {
 public:
  explicit LifecycleLoad(const Arguments& arguments)
      : arguments_(arguments), random_(arguments.seed), lives_(arguments.connections) {}

  Status Prepare(Client& client) override { return MakeSale(client, arguments_, {}, sale_); }

  void AppendNext(size_t connection, std::string& out) override {
    Life& life = lives_[connection];
    if (!life.reserved) life.hold = next_hold_++;
    const RequestNumbers numbers{.sku = life.hold % arguments_.skus,
                                 .hold = life.hold,
                                 .buyer = life.hold,
                                 .ttl_ms = TtlMs(arguments_)};
    if (!life.reserved) {
      sale_.reserve.AppendTo(out, numbers);
    } else if (random_.Percent(kConfirmPercent)) {
      sale_.confirm.AppendTo(out, numbers);
    } else {
      sale_.release.AppendTo(out, numbers);
    }
    life.reserved = !life.reserved;
  }

 private:
  struct Life {
    uint64_t hold = 0;
    bool reserved = false;
  };

  const Arguments arguments_;
  Random random_;
  std::vector<Life> lives_;  // by connection: what it sends is carried out in order
  Sale sale_;
  uint64_t next_hold_ = 0;
};

}  // namespace

std::unique_ptr<Load> MakeLifecycleLoad(const Arguments& arguments) {
  return std::make_unique<LifecycleLoad>(arguments);
}

}  // namespace holdfast::bench
