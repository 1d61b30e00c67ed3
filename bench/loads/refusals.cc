// The other 99 % of a flash sale: everybody wants a unit of a SKU that has none left, that is not
// on sale yet, or of which he has had his share.
#include "bench/loads/load.h"
#include "bench/sale.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kBuyersAtTheLimit = 1000;

class RefusedLoad : public Load {
 public:
  // The buyers' numbers go round below `buyers`.
  RefusedLoad(const Arguments& arguments, SaleTerms terms, uint64_t buyers)
      : arguments_(arguments), terms_(std::move(terms)), buyers_(buyers) {}

  Status Prepare(Client& client) override { return MakeSale(client, arguments_, terms_, sale_); }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    const uint64_t hold = next_hold_++;
    const uint64_t skus = arguments_.skus;
    sale_.reserve.AppendTo(
        out, {.sku = hold % skus, .hold = hold, .buyer = hold / skus % buyers_, .ttl_ms = 0});
  }

 protected:
  const Arguments arguments_;
  const SaleTerms terms_;
  const uint64_t buyers_;
  Sale sale_;
  uint64_t next_hold_ = 0;
};

class LimitLoad : public RefusedLoad {
 public:
  explicit LimitLoad(const Arguments& arguments) : RefusedLoad(arguments, {}, kBuyersAtTheLimit) {}

  Status Prepare(Client& client) override {
    if (Status status = RefusedLoad::Prepare(client); !status.ok()) return status;
    const uint64_t holds = arguments_.skus * kBuyersAtTheLimit * kSaleLimit;
    return SendMany(client, holds, [this](std::string& out, uint64_t) { AppendNext(0, out); });
  }
};

}  // namespace

std::unique_ptr<Load> MakeSoldoutLoad(const Arguments& arguments) {
  return std::make_unique<RefusedLoad>(arguments, SaleTerms{.units = 0}, UINT64_MAX);
}

std::unique_ptr<Load> MakeEarlyLoad(const Arguments& arguments) {
  return std::make_unique<RefusedLoad>(arguments, SaleTerms{.opens_ms = kNotYetMs}, UINT64_MAX);
}

std::unique_ptr<Load> MakeLimitLoad(const Arguments& arguments) {
  return std::make_unique<LimitLoad>(arguments);
}

}  // namespace holdfast::bench
