// Options of a command: "EX 10 NX" in any order and any case, each at most once.
//
//   OptionValue ex;
//   bool nx = false;
//   if (!ReadOptions(args.subspan(3), {{"EX", ex}, {"NX", nx}})) return ... a syntax error
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "protocol/words.h"
#include "server/command.h"

namespace holdfast {

// The word behind an option that takes one; a view into the command line.
using OptionValue = std::optional<std::string_view>;

class Option {
 public:
  Option(std::string_view word, bool& given) : word_(word), given_(&given) {}
  Option(std::string_view word, OptionValue& value) : word_(word), value_(&value) {}

  bool Is(std::string_view word) const { return EqualsIgnoreCase(word, word_); }
  bool TakesValue() const { return value_ != nullptr; }
  bool Given() const { return TakesValue() ? value_->has_value() : *given_; }
  void Give() const { *given_ = true; }
  void Give(std::string_view value) const { *value_ = value; }

 private:
  std::string_view word_;
  bool* given_ = nullptr;
  OptionValue* value_ = nullptr;
};

// False: a word that is no option of the table, one that came before, or one without its value.
[[nodiscard]] inline bool ReadOptions(Args words, std::initializer_list<Option> table) {
  for (size_t at = 0; at < words.size(); ++at) {
    const Option* option = table.begin();
    while (option != table.end() && !option->Is(words[at])) ++option;
    if (option == table.end() || option->Given()) return false;
    if (!option->TakesValue()) {
      option->Give();
    } else if (++at < words.size()) {
      option->Give(words[at]);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace holdfast
