#include "server/replication/hello.h"

#include <algorithm>
#include <optional>

#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr std::string_view kRequest = "NODELINK";
constexpr std::string_view kAnswer = "+LINK";
constexpr size_t kRequestWords = 7;
constexpr size_t kAnswerWords = 5;
constexpr int64_t kPortMax = 65535;

// The words behind the first, as far as both sides say them: version reads writes node.
Status DecodeCommon(std::span<const std::string_view> words, size_t count, LinkHello& out) {
  const auto version = words.size() < 2 ? std::nullopt : ParseInt64(words[1]);
  if (!version) return Status::Damaged("a node says first which version of links it speaks");
  out.version = *version;
  if (out.version != kReplicationVersion) {
    return Status::Invalid(
        "this server links nodes of version " + std::to_string(kReplicationVersion) + ", not " +
        std::to_string(out.version) + "; run the same release of Holdfast on both");
  }
  if (words.size() != count) {
    return Status::Damaged("a node says " + std::to_string(count) + " words here, not " +
                           std::to_string(words.size()));
  }
  const auto reads = ParseInt64(words[2]);
  const auto writes = ParseInt64(words[3]);
  if (!reads || !writes || *reads < kOldestFormat || *writes < kOldestFormat) {
    return Status::Damaged("formats are numbers from 1 on");
  }
  out.reads = *reads;
  out.writes = *writes;
  if (!NodeId::FromHex(words[4], out.node)) return Status::Damaged("a node is 32 hex digits");
  return Status::Ok();
}

}  // namespace

std::vector<std::string> EncodeLinkRequest(const LinkHello& hello) {
  return {std::string(kRequest),
          std::to_string(hello.version),
          std::to_string(hello.reads),
          std::to_string(hello.writes),
          hello.node.Hex(),
          hello.announced.host,
          std::to_string(hello.announced.port)};
}

std::string EncodeLinkAnswer(const LinkHello& hello) {
  return std::string(kAnswer) + ' ' + std::to_string(hello.version) + ' ' +
         std::to_string(hello.reads) + ' ' + std::to_string(hello.writes) + ' ' + hello.node.Hex();
}

Status DecodeLinkRequest(std::span<const std::string_view> words, LinkHello& out) {
  if (Status status = DecodeCommon(words, kRequestWords, out); !status.ok()) return status;
  const auto port = ParseInt64(words[6]);
  if (!port || *port < 0 || *port > kPortMax) return Status::Damaged("a port is 0 to 65535");
  out.announced = {.host = std::string(words[5]), .port = *port};
  return Status::Ok();
}

Status DecodeLinkAnswer(std::string_view line, LinkHello& out) {
  std::vector<std::string_view> words;
  for (size_t from = 0; from <= line.size();) {
    const size_t end = std::min(line.find(' ', from), line.size());
    words.push_back(line.substr(from, end - from));
    from = end + 1;
  }
  if (words.front() != kAnswer) return Status::Damaged("no node answers there");
  return DecodeCommon(words, kAnswerWords, out);
}

Status CanLink(const LinkHello& ours, const LinkHello& theirs) {
  if (theirs.reads < ours.writes) {
    return Status::Invalid("this node writes mutations of format " + std::to_string(ours.writes) +
                           " (holdfast-format), and the other one reads up to " +
                           std::to_string(theirs.reads) + ": upgrade that one");
  }
  if (ours.reads < theirs.writes) {
    return Status::Invalid("this node reads mutations up to format " + std::to_string(ours.reads) +
                           ", and the other one writes " + std::to_string(theirs.writes) +
                           " (holdfast-format): upgrade this one");
  }
  return Status::Ok();
}

}  // namespace holdfast
