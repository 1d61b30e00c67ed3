#include "storage/check/report.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

#include "storage/core/mutation_text.h"

namespace holdfast {
namespace {

constexpr size_t kNameWidth = 11;

class Text {
 public:
  // "name       value"; the name is left out where it was said before.
  void Line(std::string_view name, const std::string& value) {
    std::string line(name);
    line.resize(std::max(kNameWidth, line.size()), ' ');
    out_ += line + value + "\n";
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

std::string Number(uint64_t number) { return std::to_string(number); }
std::string Number(Units units) { return std::to_string(units); }

std::string Plural(uint64_t count, const std::string& noun) {
  return Number(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string Padded(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

void TellWitness(Text& text, const CheckReport& report) {
  const WitnessSlot* const newest = NewestOf(report.witness);
  if (newest == nullptr) return text.Line("witness", "none that is valid");
  const bool both = report.witness[0] && report.witness[1];
  text.Line("witness", "index " + Number(newest->mark.index) + ", epoch " +
                           Number(newest->mark.epoch) + ", " + TimeText(newest->mark.server_time) +
                           (both ? "; both slots are valid" : "; one of two slots is valid"));
}

std::string NameOf(const NodeId& id) { return id == NodeId{} ? "nobody" : id.Hex(); }

void TellNode(Text& text, const NodeMark& node) {
  text.Line("node", node.id.Hex());
  text.Line("", "promised epoch " + Number(node.promise.epoch) + " to " +
                    NameOf(node.promise.primary) + (node.promise.leaving ? ", as it left" : ""));
}

// The last ones: a log has one for each start as primary.
void TellEpochs(Text& text, const Epochs& epochs) {
  constexpr size_t kEpochsShown = 8;
  const std::vector<EpochStart>& starts = epochs.starts();
  const size_t left_out = starts.size() - std::min(starts.size(), kEpochsShown);
  for (size_t i = left_out; i < starts.size(); ++i) {
    const auto& [epoch, first, group] = starts[i];
    text.Line(i == left_out ? "epochs" : "", Number(epoch) + " from index " + Number(first) +
                                                 ", led by " + NameOf(group.primary) +
                                                 ", sync set of " + Number(group.sync_set.size()));
  }
  if (left_out > 0) text.Line("", "and " + Number(left_out) + " before these");
}

void TellSnapshot(Text& text, const SnapshotMark& mark) {
  if (mark.number == 0) return text.Line("snapshot", "none");
  const auto [oldest, newest] = std::minmax_element(mark.cuts.begin(), mark.cuts.end());
  text.Line("snapshot", "number " + Number(mark.number) + ", taken " + TimeText(mark.server_time));
  text.Line("", Plural(mark.rows, "row") + ", " + Plural(mark.keys, "key") + ", " +
                    Plural(mark.bytes, "byte") + ", cuts at index " + Number(*oldest) + " to " +
                    Number(*newest));
}

void TellKinds(Text& text, const LogFigures& log) {
  constexpr size_t kKindWidth = 20;
  constexpr size_t kFigureWidth = 14;
  for (const auto& [kind, figures] : log.kinds) {
    std::string name = NameOf(kind);
    name.resize(std::max(kKindWidth, name.size()), ' ');
    text.Line("", name + Padded(Number(figures.mutations), kFigureWidth) +
                      Padded(Number(figures.bytes) + " bytes", kFigureWidth + 6));
  }
}

void TellLog(Text& text, const LogFigures& log) {
  if (log.records == 0) {
    return text.Line("log", "no record in " + Plural(log.segments, "segment"));
  }
  text.Line("log", "index " + Number(log.first) + " to " + Number(log.last));
  text.Line("", "from " + TimeText(log.first_time));
  text.Line("", "to   " + TimeText(log.last_time));
  text.Line("", Plural(log.segments, "segment") + ", " + Plural(log.records, "record") + ", " +
                    Number(log.batches) + " batches, " + Plural(log.bytes, "byte"));
  text.Line("", Plural(log.bytes / log.records, "byte") + " a record, " +
                    Number(log.bytes / log.batches) + " a batch");
  TellKinds(text, log);
}

void TellState(Text& text, const StateFigures& state) {
  constexpr std::array<std::string_view, 4> kStates = {"held", "confirmed", "released", "expired"};
  text.Line("state", "up to index " + Number(state.up_to) + ", " +
                         Plural(state.memory_bytes, "byte") + " of memory");
  text.Line("", Plural(state.skus, "SKU") + ", " + Plural(state.strings, "string") + ", " +
                    Number(state.hashes) + (state.hashes == 1 ? " hash" : " hashes") + " of " +
                    Plural(state.fields, "field") + "; " + Plural(state.deadlines, "key") +
                    " with a deadline");
  std::string holds = "holds: ";
  for (size_t i = 0; i < kStates.size(); ++i) {
    holds += (i == 0 ? "" : ", ") + Number(state.holds[i]) + " ";
    holds += kStates[i];
  }
  text.Line("", holds);
  const Stock& stock = state.stock;
  text.Line("", "units: available " + Number(stock.available) + " + held " + Number(stock.held) +
                    " + sold " + Number(stock.sold) + " = supplied " + Number(stock.supplied));
}

std::string Remedy(const CheckReport& report) {
  const std::string restore =
      "restore the directory from a backup or a replica, or move it away to begin empty";
  const std::string why_not = WhyNotCut(report);
  if (!why_not.empty()) return restore + "; cutting off the log's tail does not help: " + why_not;
  if (report.unfinished_cut) return "run holdfast-check --cut-tail again, it goes on where it was";
  return restore +
         "; or copy the directory and run holdfast-check --cut-tail: it keeps all up to index " +
         Number(report.log.last) + ", " + TimeText(report.log.last_time) +
         ", and forgets what lies behind";
}

std::string Verdict(const CheckReport& report) {
  if (report.arriving) return "a full sync was under way: a start gives it up and begins empty";
  return report.empty ? "nothing was ever stored here" : "everything is as it was written";
}

}  // namespace

std::string TimeText(UnixMs time) {
  const int64_t ms = ToUnixMs(time);
  // What no calendar needs to show was not written by a clock.
  constexpr int64_t kYear10000 = 253'402'300'800'000;
  std::string text = std::to_string(ms);
  if (ms <= 0 || ms >= kYear10000) return text;
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 48> utc{};
  std::snprintf(utc.data(), utc.size(), " (%04d-%02u-%02u %02d:%02d:%02d.%03d UTC)",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text + utc.data();
}

Index CheckReport::NewestCut() const {
  return *std::max_element(snapshot.cuts.begin(), snapshot.cuts.end());
}

std::string WhyNotCut(const CheckReport& report) {
  for (const Damage& damage : report.damages) {
    if (!damage.cut_mends) return damage.text;
  }
  if (report.log.records == 0) return "no record of it would be left";
  if (report.log.last < report.NewestCut()) {
    return "the snapshot needs the log up to index " + Number(report.NewestCut());
  }
  return {};
}

Index LastKnown(const CheckReport& report) {
  const WitnessSlot* const newest = NewestOf(report.witness);
  return std::max(
      {report.log.last, report.log_damage.last, newest != nullptr ? newest->mark.index : Index{0}});
}

std::string ReportText(const CheckReport& report) {
  Text text;
  text.Line("directory", report.directory);
  if (report.history) {
    text.Line("history", report.history->id.Hex() + ", epoch " + Number(report.history->epoch));
  }
  TellWitness(text, report);
  if (report.node) TellNode(text, *report.node);
  if (report.arriving) {
    text.Line("arriving", "history " + report.arriving->history.Hex() + ", behind index " +
                              Number(report.arriving->last.index));
  }
  if (!report.empty && report.history) {
    TellSnapshot(text, report.snapshot);
    text.Line("tables", Number(report.tables) + ", " + Plural(report.table_bytes, "byte"));
    TellLog(text, report.log);
    TellEpochs(text, report.epochs);
    if (report.state) TellState(text, *report.state);
  }
  for (const std::string& note : report.notes) text.Line("note", note);
  for (const Damage& damage : report.damages) text.Line("damaged", damage.text);
  if (!report.sound()) {
    text.Line("remedy", Remedy(report));
  } else {
    text.Line("sound", Verdict(report));
  }
  return text.Take();
}

}  // namespace holdfast
