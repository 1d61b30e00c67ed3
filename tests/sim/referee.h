// The referee reads along: it hears every batch in the order of the log, judges each fact by the
// contract (sku_book.h), and keeps every state that the log went through. So it knows
//
//   that each prefix of the log, which is what a crash may leave, keeps the promises;
//   which states a reply may tell of: those between the log's end when it was asked and what was
//   durable when it was heard;
//   what must be there after a crash, exactly: the state at the index where the log was cut.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/log.h"
#include "tests/sim/cluster.h"
#include "tests/sim/sku_book.h"

namespace holdfast {

struct BookKey {
  std::string value;
  UnixMs deadline = kNever;
};

class Referee {
 public:
  explicit Referee(const LedgerLimits& limits) { terms_.limits = limits; }

  // A start: what lay behind `last` never was. The log goes on behind `opening`.
  void StartLife(Index last, Index opening);
  // Nothing is due before `until` in this life.
  void SetGrace(UnixMs until) { terms_.grace_until = until; }
  UnixMs grace_until() const { return terms_.grace_until; }

  // The next batch of the log.
  void Heard(Index index, std::string_view mutations);

  // The first thing that was wrong.
  const std::optional<std::string>& wrong() const { return wrong_; }
  void Complain(std::string what) {
    if (!wrong_) wrong_ = std::move(what);
  }

  // Whether a state of the SKU (null: there was none) fits, of those that whoever asked when the
  // log ended at `from` may have seen, as far as `to`. fits(const SkuBook*).
  template <typename F>
  bool Saw(const std::string& sku, Index from, Index to, F&& fits) const {
    return SawOf(skus_, sku, from, to, [&](const auto& book) { return fits(book.get()); });
  }
  // The same of an ordinary string. fits(const BookKey*).
  template <typename F>
  bool SawKey(const std::string& key, Index from, Index to, F&& fits) const {
    return SawOf(keys_, key, from, to,
                 [&](const auto& value) { return fits(value ? &*value : nullptr); });
  }

  // What sets the server's memory apart from what the log tells up to its end; the server is quiet.
  std::optional<std::string> Compare(Cluster& cluster) const;

  // Everything that was heard, in one number: two runs that differ anywhere differ here.
  uint64_t trace() const { return trace_; }
  void Trace(std::string_view bytes);

 private:
  using BookPtr = std::shared_ptr<const SkuBook>;
  // By name; of each the states it went through, the first one older than everything asked for.
  template <typename State>
  struct Version {
    Index index;
    State state;
  };
  template <typename State>
  using Histories = std::map<std::string, std::vector<Version<State>>, std::less<>>;

  template <typename State, typename F>
  static bool SawOf(const Histories<State>& histories, const std::string& name, Index from,
                    Index to, F&& fits) {
    const auto found = histories.find(name);
    if (found == histories.end()) return fits(State{});
    const auto& versions = found->second;
    auto at = std::ranges::upper_bound(versions, from, {}, &Version<State>::index);
    if (at == versions.begin()) {
      if (fits(State{})) return true;
    } else {
      --at;  // what it was when it was asked for
    }
    for (; at != versions.end() && at->index <= to; ++at) {
      if (fits(at->state)) return true;
    }
    return false;
  }
  template <typename State>
  static void CutTo(Histories<State>& histories, Index last);

  std::string TakeStock(Index index, const MutationView& fact);
  std::string TakeKey(Index index, const MutationView& fact);
  // No copy is ahead of what it was copied from.
  std::string CheckCopies() const;

  SkuBook::Terms terms_;
  Histories<BookPtr> skus_;
  Histories<std::optional<BookKey>> keys_;
  Index last_ = 0;
  std::optional<std::string> wrong_;
  uint64_t trace_ = 0;
};

// Of keys that are only ever raised: "copy-x" is only ever made by COPY x copy-x REPLACE.
inline constexpr std::string_view kCopyOf = "copy-";

}  // namespace holdfast
