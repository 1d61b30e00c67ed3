// Invariant(condition): what must hold if our code is right. On in release builds too: a ledger
// that goes on after its sums stopped adding up would sell what it does not have. User input never
// reaches one; the parser and the commands answer it with an error.
#pragma once

namespace holdfast {

// Says which line was wrong on stderr, then aborts.
[[noreturn]] void InvariantFailed(const char* file, int line) noexcept;

// __builtin_LINE rather than std::source_location: clang-tidy 14 cannot read the latter.
constexpr void Invariant(bool holds, const char* file = __builtin_FILE(),
                         int line = __builtin_LINE()) noexcept {
  if (!holds) [[unlikely]] {
    InvariantFailed(file, line);
  }
}

}  // namespace holdfast
