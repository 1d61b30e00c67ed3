#include "bench/sale.h"

#include <vector>

#include "bench/lua_scripts.h"
#include "storage/base/parse_int.h"

namespace holdfast::bench {
namespace {

constexpr std::string_view kOpensMs = "1";
constexpr std::string_view kClosesMs = "4102444800000";  // 2100
constexpr std::string_view kTtlS = "900";
constexpr std::string_view kTtlMs = "900000";

std::string SkuKey(const std::string& run, const std::string& number) {
  return "sku:" + run + ":" + number;
}

std::string FourDigits(uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

Status MakeNative(Client& client, uint64_t skus, uint64_t units, Sale& sale) {
  RespValue reply;
  for (uint64_t sku = 0; sku < skus; ++sku) {
    Status status =
        client.CallGood({"STOCK.CREATE", SkuKey(sale.run, FourDigits(sku)), std::to_string(units),
                         "LIMIT", std::to_string(kSaleLimit), "OPENS", std::string(kOpensMs),
                         "CLOSES", std::string(kClosesMs), "TTL", std::string(kTtlS)},
                        reply);
    if (!status.ok()) return status;
  }
  const std::string sku = SkuKey(sale.run, "<sku:4>");
  const std::string hold = "order-<hold:12>";
  sale.reserve = RequestTemplate(
      {"RESERVE", sku, hold, "1", "EX", std::string(kTtlS), "BUYER", "buyer-<buyer:9>"});
  sale.confirm = RequestTemplate({"CONFIRM", sku, hold});
  sale.release = RequestTemplate({"RELEASE", sku, hold});
  return Status::Ok();
}

Status LoadScript(Client& client, std::string_view script, std::string& sha) {
  RespValue reply;
  Status status = client.CallGood({"SCRIPT", "LOAD", std::string(script)}, reply);
  if (status.ok()) sha = reply.root().text;
  return status;
}

Status MakeLua(Client& client, uint64_t skus, uint64_t units, Sale& sale) {
  RespValue reply;
  for (uint64_t sku = 0; sku < skus; ++sku) {
    Status status = client.CallGood(
        {"HSET", SkuKey(sale.run, FourDigits(sku)), "available", std::to_string(units), "held", "0",
         "sold", "0", "limit", std::to_string(kSaleLimit), "opens", std::string(kOpensMs), "closes",
         std::string(kClosesMs)},
        reply);
    if (!status.ok()) return status;
  }
  struct Script {
    std::string_view text;
    RequestTemplate* request;
    std::vector<std::string> arguments;
  };
  const std::string hold = "order-<hold:12>";
  const Script scripts[] = {
      {kReserveLua, &sale.reserve, {hold, "1", "buyer-<buyer:9>", std::string(kTtlMs)}},
      {kConfirmLua, &sale.confirm, {hold}},
      {kReleaseLua, &sale.release, {hold}},
  };
  const std::string behind = sale.run + ":<sku:4>";
  const std::string holds = "hold:" + behind + ":";
  for (const Script& script : scripts) {
    std::string sha;
    if (Status status = LoadScript(client, script.text, sha); !status.ok()) return status;
    std::vector<std::string> words = {
        "EVALSHA", sha, "4", "sku:" + behind, holds + hold, "due:" + behind, "buyers:" + behind};
    words.insert(words.end(), script.arguments.begin(), script.arguments.end());
    *script.request = RequestTemplate(std::move(words));
  }
  return Status::Ok();
}

Status MakeLuaBare(Client& client, uint64_t skus, uint64_t units, Sale& sale) {
  RespValue reply;
  for (uint64_t sku = 0; sku < skus; ++sku) {
    Status status =
        client.CallGood({"SET", SkuKey(sale.run, FourDigits(sku)), std::to_string(units)}, reply);
    if (!status.ok()) return status;
  }
  std::string sha;
  if (Status status = LoadScript(client, kReserveBareLua, sha); !status.ok()) return status;
  sale.reserve = RequestTemplate({"EVALSHA", sha, "1", SkuKey(sale.run, "<sku:4>"), "1"});
  return Status::Ok();
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

Status MakeSale(Client& client, Dialect dialect, uint64_t skus, uint64_t units, Sale& out) {
  uint64_t now_us = 0;
  if (Status status = ServerTime(client, now_us); !status.ok()) return status;
  out.run = std::to_string(now_us);
  switch (dialect) {
    case Dialect::kNative:
      return MakeNative(client, skus, units, out);
    case Dialect::kLua:
      return MakeLua(client, skus, units, out);
    case Dialect::kLuaBare:
      return MakeLuaBare(client, skus, units, out);
  }
  return Status::Invalid("unknown dialect");
}

}  // namespace holdfast::bench
