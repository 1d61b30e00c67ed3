// Mixed reads, as a shop's pages make them: half ask what is left, a fifth each looks at the SKU
// and at a hold, a tenth reads a session.
#include "bench/loads/load.h"
#include "bench/sale.h"
#include "storage/base/random.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kUnits = 1'000'000;
constexpr uint64_t kHolds = 1000;  // on each SKU

class ReadsLoad : public Load {
 public:
  explicit ReadsLoad(const Arguments& arguments)
      : arguments_(arguments),
        key_(Tagged(arguments, "key:<key:12>")),
        random_(arguments.seed),
        session_({"GET", key_}) {}

  Status Prepare(Client& client) override {
    Sale sale;
    Status status = MakeSale(client, arguments_, {.units = kUnits}, sale);
    if (!status.ok()) return status;
    status = SendMany(client, kHolds * arguments_.skus, [&](std::string& out, uint64_t i) {
      sale.reserve.AppendTo(
          out, {.sku = i / kHolds, .hold = i % kHolds, .buyer = i, .ttl_ms = TtlMs(arguments_)});
    });
    if (!status.ok()) return status;
    const RequestTemplate set({"SET", key_, std::string(arguments_.value_bytes, 'x')});
    status = SendMany(client, arguments_.keys,
                      [&set](std::string& out, uint64_t key) { set.AppendTo(out, {.key = key}); });
    MakeRequests(sale.run + ":<sku:4>");
    return status;
  }

  void AppendNext(size_t /*connection*/, std::string& out) override {
    const RequestNumbers numbers{.sku = random_.Below(arguments_.skus),
                                 .hold = random_.Below(kHolds),
                                 .key = random_.Below(arguments_.keys)};
    const uint64_t percent = random_.Below(100);
    if (percent < 50) {
      avail_.AppendTo(out, numbers);
    } else if (percent < 70) {
      sku_.AppendTo(out, numbers);
    } else if (percent < 90) {
      hold_.AppendTo(out, numbers);
    } else {
      session_.AppendTo(out, numbers);
    }
  }

 private:
  void MakeRequests(const std::string& behind) {
    const std::string sku = Tagged(arguments_, "sku:" + behind);
    if (arguments_.dialect == Dialect::kNative) {
      avail_ = RequestTemplate({"STOCK.AVAIL", sku});
      sku_ = RequestTemplate({"STOCK.GET", sku});
      hold_ = RequestTemplate({"HOLD.GET", sku, "order-<hold:18>"});
    } else {
      avail_ = RequestTemplate({"HGET", sku, "available"});
      sku_ = RequestTemplate({"HGETALL", sku});
      hold_ =
          RequestTemplate({"HGETALL", Tagged(arguments_, "hold:" + behind + ":order-<hold:18>")});
    }
  }

  const Arguments arguments_;
  const std::string key_;
  Random random_;
  RequestTemplate avail_;
  RequestTemplate sku_;
  RequestTemplate hold_;
  RequestTemplate session_;
};

}  // namespace

std::unique_ptr<Load> MakeReadsLoad(const Arguments& arguments) {
  return std::make_unique<ReadsLoad>(arguments);
}

}  // namespace holdfast::bench
