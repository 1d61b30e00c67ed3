#include "server/commands/secrets.h"

#include "protocol/words.h"
#include "server/directives.h"

namespace holdfast {
namespace {

constexpr std::string_view kRedacted = "(redacted)";

using Words = std::vector<std::string_view>;

void HideAll(Words& words) {
  for (size_t at = 1; at < words.size(); ++at) words[at] = kRedacted;
}

// HELLO [version] ... AUTH user password ...
void HideBehindAuth(Words& words) {
  for (size_t at = 2; at < words.size(); ++at) {
    if (EqualsIgnoreCase(words[at], "SETNAME")) {
      ++at;
    } else if (EqualsIgnoreCase(words[at], "AUTH")) {
      // Also where one of the two is missing.
      for (size_t secret = at + 1; secret < std::min(at + 3, words.size()); ++secret)
        words[secret] = kRedacted;
      at += 2;
    }
  }
}

// CONFIG SET directive value ...
void HideSecretValues(Words& words) {
  for (size_t at = 2; at + 1 < words.size(); at += 2) {
    const Directive* directive = FindDirective(words[at]);
    // A name that is not ours may be a secret's in Redis: tls-key-file-pass.
    if (directive == nullptr || directive->trait == Directive::Trait::kSecret)
      words[at + 1] = kRedacted;
  }
}

struct Hiding {
  std::string_view command;
  void (*hide)(Words& words);
};
constexpr Hiding kHidings[] = {
    {"AUTH", HideAll}, {"HELLO", HideBehindAuth}, {"CONFIG|SET", HideSecretValues}};

}  // namespace

std::vector<std::string_view> WithoutSecrets(const CommandSpec& command, Args words) {
  Words shown(words.begin(), words.end());
  for (const auto& [name, hide] : kHidings) {
    if (command.name == name) hide(shown);
  }
  return shown;
}

}  // namespace holdfast
