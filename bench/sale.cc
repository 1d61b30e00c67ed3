#include "bench/sale.h"

#include <chrono>
#include <vector>

#include "bench/lua_scripts.h"
#include "storage/base/parse_int.h"

namespace holdfast::bench {
namespace {

constexpr std::string_view kClosesMs = "4102444800000";  // 2100
constexpr std::string_view kTtlS = "900";
constexpr std::string_view kTtlMs = "900000";

// What is written in place of ttl_ms when all holds end at one instant.
constexpr std::string_view kTtlPlace = "<ttl_ms:5>";
const std::string kHold = "order-<hold:18>";
const std::string kBuyer = "buyer-<buyer:10>";

// A sale that is being made.
struct Making {
  Client& client;
  const Arguments& arguments;
  const SaleTerms& terms;
  Sale& sale;

  std::string Key(const std::string& kind, const std::string& number) const {
    return Tagged(arguments, kind + ":" + sale.run + ":" + number);
  }
};

std::string FourDigits(uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

// Calls for each SKU with what `words` makes of its key.
template <typename Words>
Status MakeSkus(const Making& making, Words words) {
  RespValue reply;
  for (uint64_t sku = 0; sku < making.arguments.skus; ++sku) {
    Status status = making.client.CallGood(words(making.Key("sku", FourDigits(sku))), reply);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

Status MakeNative(const Making& making) {
  Status status = MakeSkus(making, [&](const std::string& sku) {
    return std::vector<std::string>{"STOCK.CREATE",
                                    sku,
                                    std::to_string(making.terms.units),
                                    "LIMIT",
                                    std::to_string(kSaleLimit),
                                    "OPENS",
                                    making.terms.opens_ms,
                                    "CLOSES",
                                    std::string(kClosesMs),
                                    "TTL",
                                    std::string(kTtlS)};
  });
  const bool at_once = making.arguments.ends_at_ms > 0;
  const std::string sku = making.Key("sku", "<sku:4>");
  making.sale.reserve =
      RequestTemplate({"RESERVE", sku, kHold, "1", at_once ? "PX" : "EX",
                       std::string(at_once ? kTtlPlace : kTtlS), "BUYER", kBuyer});
  making.sale.confirm = RequestTemplate({"CONFIRM", sku, kHold});
  making.sale.release = RequestTemplate({"RELEASE", sku, kHold});
  return status;
}

Status LoadScript(Client& client, std::string_view script, std::string& sha) {
  RespValue reply;
  Status status = client.CallGood({"SCRIPT", "LOAD", std::string(script)}, reply);
  if (status.ok()) sha = reply.root().text;
  return status;
}

Status MakeLua(const Making& making) {
  Status made = MakeSkus(making, [&](const std::string& sku) {
    return std::vector<std::string>{"HSET",      sku,
                                    "available", std::to_string(making.terms.units),
                                    "held",      "0",
                                    "sold",      "0",
                                    "limit",     std::to_string(kSaleLimit),
                                    "opens",     making.terms.opens_ms,
                                    "closes",    std::string(kClosesMs)};
  });
  if (!made.ok()) return made;
  struct Script {
    std::string_view text;
    RequestTemplate* request;
    std::vector<std::string> arguments;
  };
  const std::string ttl_ms(making.arguments.ends_at_ms > 0 ? kTtlPlace : kTtlMs);
  const Script scripts[] = {
      {kReserveLua, &making.sale.reserve, {kHold, "1", kBuyer, ttl_ms}},
      {kConfirmLua, &making.sale.confirm, {kHold}},
      {kReleaseLua, &making.sale.release, {kHold}},
  };
  const std::string sku = "<sku:4>";
  for (const Script& script : scripts) {
    std::string sha;
    if (Status status = LoadScript(making.client, script.text, sha); !status.ok()) return status;
    std::vector<std::string> words = {
        "EVALSHA",
        sha,
        "4",
        making.Key("sku", sku),
        making.Key("hold", std::string(sku).append(":").append(kHold)),
        making.Key("due", sku),
        making.Key("buyers", sku)};
    words.insert(words.end(), script.arguments.begin(), script.arguments.end());
    *script.request = RequestTemplate(std::move(words));
  }
  return Status::Ok();
}

Status MakeLuaBare(const Making& making) {
  Status status = MakeSkus(making, [&](const std::string& sku) {
    return std::vector<std::string>{"SET", sku, std::to_string(making.terms.units)};
  });
  std::string sha;
  if (status.ok()) status = LoadScript(making.client, kReserveBareLua, sha);
  making.sale.reserve = RequestTemplate({"EVALSHA", sha, "1", making.Key("sku", "<sku:4>"), "1"});
  return status;
}

}  // namespace

Status ServerTime(Client& client, uint64_t& us) {
  RespValue reply;
  if (Status status = client.CallGood({"TIME"}, reply); !status.ok()) return status;
  const RespNode* seconds = reply.Child(reply.root(), 0);
  const RespNode* micros = reply.Child(reply.root(), 1);
  if (seconds == nullptr || micros == nullptr) return Status::Damaged("TIME: not two numbers");
  const auto s = ParseUint64(seconds->text);
  const auto rest = ParseUint64(micros->text);
  if (!s || !rest) return Status::Damaged("TIME: not two numbers");
  us = *s * 1'000'000 + *rest;
  return Status::Ok();
}

Status MakeSale(Client& client, const Arguments& arguments, const SaleTerms& terms, Sale& out) {
  uint64_t now_us = 0;
  if (Status status = ServerTime(client, now_us); !status.ok()) return status;
  out.run = std::to_string(now_us);
  const Making making{client, arguments, terms, out};
  switch (arguments.dialect) {
    case Dialect::kNative:
      return MakeNative(making);
    case Dialect::kLua:
      return MakeLua(making);
    case Dialect::kLuaBare:
      return MakeLuaBare(making);
  }
  return Status::Invalid("unknown dialect");
}

std::string Tagged(const Arguments& arguments, const std::string& key) {
  return arguments.tag.empty() ? key : "{" + arguments.tag + "}" + key;
}

uint64_t TtlMs(const Arguments& arguments) {
  if (arguments.ends_at_ms == 0) return 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ms =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  return arguments.ends_at_ms > now_ms ? arguments.ends_at_ms - now_ms : 0;
}

}  // namespace holdfast::bench
