#include "server/commands/command_docs_syntax.h"

#include <algorithm>
#include <utility>

#include "protocol/words.h"
#include "storage/base/invariant.h"

namespace holdfast {
namespace {

using Type = Argument::Type;

constexpr std::string_view kDots = "...";

std::vector<std::string_view> CutLexemes(std::string_view line) {
  std::vector<std::string_view> lexemes;
  while (!line.empty()) {
    size_t size = 1;
    if (line.starts_with(kDots)) {
      size = kDots.size();
    } else if (line.front() != '[' && line.front() != ']' && line.front() != '|') {
      size = std::min({line.find_first_of(" []|"), line.find(kDots), line.size()});
    }
    if (size > 0) lexemes.push_back(line.substr(0, size));
    line.remove_prefix(size);
    while (line.starts_with(' ')) line.remove_prefix(1);
  }
  return lexemes;
}

bool IsPunctuation(std::string_view lexeme) {
  return lexeme == "[" || lexeme == "]" || lexeme == "|" || lexeme == kDots;
}

bool IsToken(std::string_view lexeme) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  return std::ranges::any_of(lexeme, is_capital) && std::ranges::none_of(lexeme, is_small);
}

bool IsWord(std::string_view lexeme) { return !IsPunctuation(lexeme) && !IsToken(lexeme); }

// What a value is, by the name that the tables give it.
Type TypeOf(std::string_view name) {
  static constexpr std::string_view kIntegers[] = {
      "units",  "n",         "count",     "ms",    "s",         "seconds",  "milliseconds", "delta",
      "index",  "increment", "decrement", "delay", "client-id", "protover", "ttl",          "ttl-s",
      "cursor", "offset",    "available", "start", "end",       "bit"};
  if (name == "pattern") return Type::kPattern;
  if (name.starts_with("unix-time")) return Type::kUnixTime;
  return std::ranges::find(kIntegers, name) != std::end(kIntegers) ? Type::kInteger : Type::kString;
}

std::string NameOfChoice(const std::vector<Argument>& choices) {
  std::string name;
  for (const Argument& choice : choices) {
    if (!name.empty()) name += "-or-";
    name += choice.name;
  }
  return name;
}

Argument ChoiceOf(std::vector<Argument> choices) {
  if (choices.size() == 1) return std::move(choices.front());
  return {.name = NameOfChoice(choices), .type = Type::kOneOf, .arguments = std::move(choices)};
}

// Several in a row as one; one stays itself.
Argument BlockOf(std::vector<Argument> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  std::string name = parts.front().name;
  return {.name = std::move(name), .type = Type::kBlock, .arguments = std::move(parts)};
}

// True for the second part of "key value [key value ...]" and of "ID client-id [client-id ...]".
bool RepeatsTail(const std::vector<Argument>& before, const std::vector<Argument>& items) {
  if (before.size() < items.size()) return false;
  if (items.size() == 1) {
    Argument bare = before.back();
    bare.token.clear();
    return bare == items.front();
  }
  const auto tail = before.end() - static_cast<std::ptrdiff_t>(items.size());
  return std::equal(items.begin(), items.end(), tail);
}

class SyntaxParser {
 public:
  explicit SyntaxParser(std::string_view line) : lexemes_(CutLexemes(line)) {}

  std::vector<Argument> Whole() {
    std::vector<Argument> items = Line(/*in_brackets=*/false).items;
    Invariant(at_ == lexemes_.size());
    return items;
  }

 private:
  struct Items {
    std::vector<Argument> items;
    bool repeated = false;  // it ended in "..."
  };

  std::string_view Next() const { return at_ < lexemes_.size() ? lexemes_[at_] : ""; }
  bool Take(std::string_view lexeme) {
    if (Next() != lexeme) return false;
    ++at_;
    return true;
  }

  Items Line(bool in_brackets) {
    Items line;
    while (at_ < lexemes_.size() && Next() != "]") {
      if (Take(kDots)) {
        line.repeated = true;
      } else if (Take("[")) {
        AddBracket(line.items);
      } else {
        line.items.push_back(Choice(in_brackets));
      }
    }
    return line;
  }

  void AddBracket(std::vector<Argument>& before) {
    Items inner = Line(/*in_brackets=*/true);
    const bool closed = Take("]");
    Invariant(closed);
    Invariant(!inner.items.empty());
    if (inner.repeated && RepeatsTail(before, inner.items)) {
      // "key [key ...]": what stands before it is what repeats.
      if (inner.items.size() > 1) {
        before.resize(before.size() - inner.items.size());
        before.push_back(BlockOf(std::move(inner.items)));
      }
      before.back().multiple = true;
      return;
    }
    before.push_back(BlockOf(std::move(inner.items)));
    before.back().optional = true;
    before.back().multiple |= inner.repeated;
  }

  Argument Choice(bool in_brackets) {
    std::vector<Argument> choices;
    // Outside of brackets, behind BEFORE|AFTER, a word is an argument of its own.
    bool takes_value = true;
    do {
      choices.push_back(Single(in_brackets, takes_value));
      if (choices.size() == 1 && !in_brackets) takes_value = choices[0].type != Type::kPureToken;
    } while (Take("|"));
    return ChoiceOf(std::move(choices));
  }

  Argument Single(bool in_brackets, bool takes_value) {
    Invariant(!IsPunctuation(Next()));
    const std::string_view first = lexemes_[at_++];
    if (!IsToken(first)) return {.name = std::string(first), .type = TypeOf(first)};
    std::vector<Argument> values;
    while (takes_value && at_ < lexemes_.size() && IsWord(Next()) &&
           (in_brackets || values.empty())) {
      values.push_back(Value());
    }
    if (values.empty()) {
      return {.name = LowerCased(first), .type = Type::kPureToken, .token = std::string(first)};
    }
    const bool single = values.size() == 1 && values[0].type != Type::kOneOf;
    Argument argument = BlockOf(std::move(values));
    if (!single) argument.name = LowerCased(first);
    argument.token = first;
    return argument;
  }

  Argument Value() {
    std::vector<Argument> words;
    do {
      const std::string_view word = lexemes_[at_++];
      words.push_back({.name = std::string(word), .type = TypeOf(word)});
    } while (Next() == "|" && at_ + 1 < lexemes_.size() && IsWord(lexemes_[at_ + 1]) && Take("|"));
    return ChoiceOf(std::move(words));
  }

  std::vector<std::string_view> lexemes_;
  size_t at_ = 0;
};

}  // namespace

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kInteger:
      return "integer";
    case Type::kDouble:
      return "double";
    case Type::kKey:
      return "key";
    case Type::kPattern:
      return "pattern";
    case Type::kUnixTime:
      return "unix-time";
    case Type::kPureToken:
      return "pure-token";
    case Type::kOneOf:
      return "oneof";
    case Type::kBlock:
      return "block";
  }
  return "string";
}

std::vector<Argument> ParseArguments(std::string_view line) { return SyntaxParser(line).Whole(); }

}  // namespace holdfast
