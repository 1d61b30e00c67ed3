// The other 99 % of a flash sale: everybody wants a unit of a SKU that has none left.
#include "bench/loads/load.h"
#include "bench/sale.h"

namespace holdfast::bench {
namespace {

class SoldoutLoad : public Load {
 public:
  explicit SoldoutLoad(const Arguments& arguments)
      : dialect_(arguments.dialect), skus_(arguments.skus) {}

  Status Prepare(Client& client) override { return MakeSale(client, dialect_, skus_, 0, sale_); }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    const uint64_t hold = next_hold_++;
    sale_.reserve.AppendTo(out, {.sku = hold % skus_, .hold = hold, .buyer = hold});
  }

 private:
  Dialect dialect_;
  uint64_t skus_;
  Sale sale_;
  uint64_t next_hold_ = 0;
};

}  // namespace

std::unique_ptr<Load> MakeSoldoutLoad(const Arguments& arguments) {
  return std::make_unique<SoldoutLoad>(arguments);
}

}  // namespace holdfast::bench
