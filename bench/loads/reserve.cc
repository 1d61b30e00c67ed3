// The burst: every request reserves one unit under a new hold id, of one hot SKU or of several, and
// gets it. And what becomes of these holds: each is confirmed, or each released.
#include "bench/loads/load.h"
#include "bench/sale.h"

namespace holdfast::bench {
namespace {

// A sale's holds by number: they go round the SKUs, and no buyer has more than the limit.
RequestNumbers HoldNumbered(const Arguments& arguments, uint64_t hold) {
  return {.sku = hold % arguments.skus,
          .hold = hold,
          .buyer = hold / arguments.skus / arguments.holds_per_buyer,
          .ttl_ms = TtlMs(arguments)};
}

class ReserveLoad : public Load {
 public:
  explicit ReserveLoad(const Arguments& arguments) : arguments_(arguments) {}

  Status Prepare(Client& client) override { return MakeSale(client, arguments_, {}, sale_); }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    sale_.reserve.AppendTo(out, HoldNumbered(arguments_, next_hold_++));
  }

 private:
  const Arguments arguments_;
  Sale sale_;
  uint64_t next_hold_ = 0;
};

class FinishLoad : public Load {
 public:
  FinishLoad(const Arguments& arguments, RequestTemplate Sale::*verb)
      : arguments_(arguments), verb_(verb) {}

  Status Prepare(Client& client) override {
    if (Status status = MakeSale(client, arguments_, {}, sale_); !status.ok()) return status;
    return SendMany(client, arguments_.requests, [this](std::string& out, uint64_t hold) {
      sale_.reserve.AppendTo(out, HoldNumbered(arguments_, hold));
    });
  }
  void AppendNext(size_t /*connection*/, std::string& out) override {
    (sale_.*verb_).AppendTo(out, HoldNumbered(arguments_, next_hold_++));
  }

 private:
  const Arguments arguments_;
  RequestTemplate Sale::*verb_;
  Sale sale_;
  uint64_t next_hold_ = 0;
};

}  // namespace

std::unique_ptr<Load> MakeReserveLoad(const Arguments& arguments) {
  return std::make_unique<ReserveLoad>(arguments);
}

std::unique_ptr<Load> MakeConfirmLoad(const Arguments& arguments) {
  return std::make_unique<FinishLoad>(arguments, &Sale::confirm);
}

std::unique_ptr<Load> MakeReleaseLoad(const Arguments& arguments) {
  return std::make_unique<FinishLoad>(arguments, &Sale::release);
}

}  // namespace holdfast::bench
