// The burst: every request reserves one unit under a new hold id, of one hot SKU or of several, and
// gets it.
#include "bench/loads/load.h"
#include "bench/sale.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kPlenty = 1'000'000'000'000;
constexpr uint64_t kHoldsPerBuyer = 3;  // below the limit of the sale, so that nobody is refused

class ReserveLoad : public Load {
 public:
  explicit ReserveLoad(const Arguments& arguments)
      : dialect_(arguments.dialect), skus_(arguments.skus) {}

  Status Prepare(Client& client) override {
    return MakeSale(client, dialect_, skus_, kPlenty, sale_);
  }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    const uint64_t hold = next_hold_++;
    sale_.reserve.AppendTo(
        out, {.sku = hold % skus_, .hold = hold, .buyer = hold / skus_ / kHoldsPerBuyer});
  }

 private:
  Dialect dialect_;
  uint64_t skus_;
  Sale sale_;
  uint64_t next_hold_ = 0;
};

}  // namespace

std::unique_ptr<Load> MakeReserveLoad(const Arguments& arguments) {
  return std::make_unique<ReserveLoad>(arguments);
}

}  // namespace holdfast::bench
