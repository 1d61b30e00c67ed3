#include "storage/trimmed_epochs.h"

#include "storage/base/bytes.h"
#include "storage/opening.h"
#include "storage/sealed_row.h"

namespace holdfast {
namespace {

constexpr std::string_view kFormat = "HFE1";
constexpr std::string_view kThing = "table of trimmed epochs";

}  // namespace

std::string EncodeTrimmedEpochs(const Epochs& epochs) {
  std::string body;
  AppendInt(body, static_cast<uint32_t>(epochs.starts().size()));
  LogPlace before;
  for (const EpochStart& start : epochs.starts()) {
    before.index = start.first - 1;
    AppendInt(body, start.first);
    AppendWord(body, EncodeOpening({.epoch = start.epoch, .before = before, .group = start.group}));
    before.epoch = start.epoch;
  }
  return SealRow(kFormat, body);
}

Status DecodeTrimmedEpochs(std::string_view row, Epochs& out) {
  std::string_view body;
  if (Status status = OpenRow(kThing, kFormat, row, body); !status.ok()) return status;
  ByteReader reader(body);
  const auto count = reader.Int<uint32_t>();
  Epochs epochs;
  for (uint32_t i = 0; i < count; ++i) {
    const auto first = reader.Int<Index>();
    Opening opening;
    if (!DecodeOpening(reader.Word(), opening).ok()) return DamagedRow(kThing);
    const bool rises = first > (epochs.empty() ? 0 : epochs.starts().back().first) &&
                       opening.epoch > epochs.last();
    if (!rises) return DamagedRow(kThing);
    epochs.Begin({.epoch = opening.epoch, .first = first, .group = std::move(opening.group)});
  }
  if (!reader.AtEnd()) return DamagedRow(kThing);
  out = std::move(epochs);
  return Status::Ok();
}

}  // namespace holdfast
