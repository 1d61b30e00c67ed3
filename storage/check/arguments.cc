#include "storage/check/arguments.h"

#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr std::string_view kUsage =
    R"(holdfast-check DIR [--no-state]      verify the data directory and tell what it holds
holdfast-check DIR --dump [FROM[-TO]]  print the log's records, all or those of these indexes
holdfast-check DIR --cut-tail        cut the log off where it is damaged

DIR is a server's 'dir', or the folder 'log' in it. The server must be stopped.

Verified is everything: both slots of the witness, the history, the snapshot's mark and each of its
rows, every checksum of every table, every record of the log (hashes, history, epochs, no index
missing, each where it belongs), that the log reaches the witness and the snapshot; then snapshot and
log are loaded into memory, as a start would, and every SKU's sums are recomputed from its holds.
--no-state leaves that last part out, and needs little memory. Nothing in the directory is changed.

--cut-tail changes it: from the first damaged or missing index on, all records go, also whole ones
behind it, for each counts on those before. What goes was most likely acknowledged to somebody:
prefer a backup or a replica, and TAKE A COPY OF THE DIRECTORY FIRST, for the damaged end is not kept.
It refuses where a cut mends nothing: damage in the snapshot, or in what the snapshot needs of the
log. If it is interrupted, run it again.

exit code: 0 sound (or made so), 1 damaged, 2 nothing could be checked
)";

// "7", "7-" and "7-12"; nothing else.
std::optional<DumpRange> ParseRange(std::string_view word) {
  const size_t dash = word.find('-');
  const auto from = ParseUint64(word.substr(0, dash));
  if (!from) return std::nullopt;
  if (dash == std::string_view::npos) return DumpRange{.from = *from, .to = *from};
  if (dash + 1 == word.size()) return DumpRange{.from = *from};
  const auto to = ParseUint64(word.substr(dash + 1));
  if (!to || *to < *from) return std::nullopt;
  return DumpRange{.from = *from, .to = *to};
}

}  // namespace

std::string_view CheckUsage() { return kUsage; }

Status ParseCheckArguments(std::span<char* const> words, CheckArguments& out) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "-h") {
      out.help = true;
    } else if (word == "--no-state") {
      out.state = false;
    } else if (word == "--cut-tail") {
      out.cut_tail = true;
    } else if (word == "--dump") {
      out.dump = i + 1 < words.size() ? ParseRange(words[i + 1]) : std::nullopt;
      if (out.dump) {
        ++i;
      } else {
        out.dump.emplace();
      }
    } else if (word.starts_with("-") || word.empty()) {
      return Status::Invalid("unknown option '" + std::string(word) +
                             "'; --help tells which there are");
    } else if (!out.directory.empty()) {
      return Status::Invalid("one directory at a time: '" + out.directory + "' or '" +
                             std::string(word) + "'");
    } else {
      out.directory = word;
    }
  }
  if (out.help) return Status::Ok();
  if (out.directory.empty()) return Status::Invalid("no directory is named; --help tells more");
  if (out.dump && out.cut_tail) return Status::Invalid("either --dump or --cut-tail");
  return Status::Ok();
}

}  // namespace holdfast
