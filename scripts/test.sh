#!/usr/bin/env bash
# Builds and tests everything, from a fresh clone on a bare Debian 12.
#
#   scripts/test.sh              every stage, in the order below
#   scripts/test.sh STAGE ...    these only
#   scripts/test.sh --list       the stages and what they do
#
# A preset says which folders of tests/ its stage builds (CMakePresets.json). The first failure stops the run
# with the last lines of its log; each command's whole output stays in build/log/. A run that passes ends in
# `N passed, 0 failed`, summed over every ctest run.
set -euo pipefail
cd "$(dirname "$0")/.."

stages=(setup dev asan tsan release fuzz lint)
declare -A tells=(
  [setup]="install what is missing"
  [dev]="build all, run every test: tidy.py, Redis as the judge, real clients among them"
  [asan]="address and undefined behaviour: units, simulation, wire, differential"
  [tsan]="data races: storage, shards, simulation, one wire round (clang)"
  [release]="build what users run; simulation and wire on it, and its instructions counted"
  [fuzz]="each libFuzzer target for ${HOLDFAST_FUZZ_SECONDS:=30} s, from the kept corpus"
  [lint]="clang-format on all files; clang-tidy on changed ones, for ${HOLDFAST_TIDY_SECONDS:=300} s"
)

say() { printf 'test: %s\n' "$*"; }

jobs=$(nproc)
logs=build/log
passed=0
failed=0
table=()
unsteady=()  # what failed among others, and not alone
stage=none
stage_started=$SECONDS
mkdir -p "$logs"
# So that another clone of the same files, at another path, finds what this one compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

# ---------------------------------------------------------------- running and counting

print_table() {
  say "stage        seconds"
  printf 'test: %-12s %7s\n' "${table[@]}" total "$SECONDS"
}

fail() {  # fail <what> <log>
  say "$stage: $1 FAILED; the last lines of $2:"
  tail -n 60 "$2"
  table+=("$stage" "failed")
  print_table
  say "stopped at the first failure, in stage $stage ($1)"
  ((failed == 0)) || echo "$passed passed, $failed failed"
  exit 1
}

# What runs in the background would outlive Ctrl-C.
child=
trap '[[ -z $child ]] || kill "$child" 2>/dev/null' EXIT

# The command's output goes to a log; what it is at shows every 20 seconds, so that nobody wonders.
attempt() {  # attempt <what> <command ...>
  local what=$1 log
  shift
  log=$logs/$stage-${what// /-}.log
  local started=$SECONDS pid next=$((SECONDS + 20)) status=0
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  child=$pid
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS >= next)); then
      say "$stage: $what, $((SECONDS - started)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)"
      next=$((SECONDS + 20))
    fi
  done
  wait "$pid" || status=$?
  child=
  last_log=$log
  ((status == 0)) || return "$status"
  say "$stage: $what, done in $((SECONDS - started)) s"
}

run() {  # run <what> <command ...>
  attempt "$@" && return
  count_tests "$last_log"
  fail "$1" "$last_log"
}

count_tests() {  # adds up ctest's "95% tests passed, 2 tests failed out of 40"
  local line
  line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$1" | tail -n 1) || return 0
  [[ $line =~ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]
  failed=$((failed + BASH_REMATCH[1]))
  passed=$((passed + BASH_REMATCH[2] - BASH_REMATCH[1]))
}

build() {  # build <preset> [cmake argument ...]
  run configure cmake --preset "$1" "${@:2}"
  run build cmake --build --preset "$1" --parallel "$jobs"
}

# One more at a time than there are processors: tests wait for disks and clocks a third of their time.
ctest_run() {  # ctest_run <preset> [wrapper ...]
  local before=$passed
  if attempt tests "${@:2}" ctest --preset "$1" --parallel $((jobs + 1)); then
    count_tests "$last_log"
  else
    count_tests "$last_log"
    repeat_failed "$@"
  fi
  ((passed > before)) || fail "tests (none ran)" "$last_log"
  say "$stage: $((passed - before)) tests passed"
}

# Where other people's programs and clocks take part, a machine that is busy with something else can make a test lose. One
# that fails is run once more, alone; who fails again has failed, and who does not is named at the end. What a sanitizer
# or an invariant said stands, and so does each failure of units, simulation and crashes.
repeat_failed() {  # repeat_failed <preset> [wrapper ...]
  local log=$last_log names
  mapfile -t names < <(sed -nE 's/^[[:space:]]+[0-9]+ - ([^ ]+) \(.*/\1/p' "$log")
  if ((${#names[@]} == 0)) || printf '%s\n' "${names[@]}" | grep -qvE '^(wire|clients|differential|bench)\.' ||
    grep -qE 'Sanitizer|runtime error:|invariant violated' "$log"; then
    fail tests "$log"
  fi
  cp "$log" "${log%.log}-first.log"
  say "$stage: once more, alone: ${names[*]}"
  attempt "tests again" "${@:2}" ctest --preset "$1" --rerun-failed --parallel 1 || fail "tests, twice" "$last_log"
  failed=$((failed - ${#names[@]}))
  passed=$((passed + ${#names[@]}))
  unsteady+=("${names[@]/#/$stage: }")
}

# ---------------------------------------------------------------- the stages

# In the foreground and unlogged: it tells its own progress, and sudo may ask for a password.
stage_setup() { scripts/setup.sh --test || { table+=(setup failed); print_table; exit 1; }; }

stage_dev() {
  build dev
  ctest_run dev
}

stage_asan() {
  build asan
  ctest_run asan
}

# ThreadSanitizer's runtime wants its own address layout: without setarch -R it dies at random on kernels that
# randomise more bits than it expects.
stage_tsan() {
  build tsan
  ctest_run tsan setarch "$(uname -m)" -R
}

stage_release() {
  build release
  ctest_run release
}

stage_fuzz() {
  build fuzz
  ctest_run fuzz
  local target name
  for target in build/fuzz/bin/*_fuzz; do
    [[ -x $target ]] || { echo "no fuzz target in build/fuzz/bin" >"$logs/fuzz.log"; fail "look for targets" "$logs/fuzz.log"; }
    name=$(basename "$target" _fuzz)
    # New inputs go to build/; the corpus in the tree changes only when somebody means it to.
    mkdir -p "build/fuzz/found/$name"
    local kept=tests/fuzz/corpus/$name
    [[ -d $kept ]] || kept=
    run "$name for $HOLDFAST_FUZZ_SECONDS s" "$target" -max_total_time="$HOLDFAST_FUZZ_SECONDS" -timeout=5 \
      -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=build/fuzz/found/ "build/fuzz/found/$name" ${kept:+"$kept"}
  done
}

# What this work changed: since it left origin/main, or the last commit where there is nothing else to compare
# with; and what is not committed yet.
changed_files() {
  local base head
  head=$(git rev-parse --verify --quiet HEAD) || return 0
  base=$(git merge-base HEAD origin/main 2>/dev/null) || base=$head
  if [[ $base == "$head" ]]; then
    base=$(git rev-parse --verify --quiet HEAD~1) || return 0
  fi
  git diff --name-only --diff-filter=d "$base" --
  git ls-files --others --exclude-standard
}

# A header is looked at through its own .cc.
units_to_analyse() {
  changed_files | sed -n 's/\.h$/.cc/p; /\.cc$/p' | sort -u | while read -r unit; do
    if [[ -f $unit ]] && grep -q "\"file\": \"$PWD/$unit\"" build/lint/compile_commands.json; then echo "$unit"; fi
  done
}

stage_lint() {
  # Configured, not built: clang-tidy reads no headers that another compiler precompiled.
  run configure cmake --preset dev -B build/lint -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON
  local sources units
  mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cc' '*.h' | while read -r file; do
    if [[ -f $file ]]; then echo "$file"; fi
  done)
  run clang-format clang-format-14 --dry-run -Werror "${sources[@]}"
  mapfile -t units < <(units_to_analyse)
  if ((${#units[@]} == 0)); then
    say "lint: no C++ changed, clang-tidy has nothing to do"
    return
  fi
  say "lint: clang-tidy on ${#units[@]} files"
  printf '%s\n' "${units[@]}" >"$logs/lint-units.txt"
  run clang-tidy xargs -a "$logs/lint-units.txt" -P "$jobs" -n 1 "$BASH" -c '
    if ((EPOCHSECONDS > $0)); then echo "not looked at: $1"; exit; fi
    clang-tidy-14 --quiet -p build/lint "$1"' $((EPOCHSECONDS + HOLDFAST_TIDY_SECONDS))
  local late
  late=$(grep -c '^not looked at: ' "$last_log" || true)
  ((late == 0)) || say "lint: clang-tidy did not come to $late of them; HOLDFAST_TIDY_SECONDS=3600 looks at more"
}

# ---------------------------------------------------------------- which

if [[ ${1:-} == --list ]]; then
  for name in "${stages[@]}"; do printf '%-8s %s\n' "$name" "${tells[$name]}"; done
  exit 0
fi
chosen=("$@")
((${#chosen[@]} > 0)) || chosen=("${stages[@]}")
for name in "${chosen[@]}"; do
  [[ -n ${tells[$name]:-} ]] || { say "no stage '$name'; scripts/test.sh --list names them" >&2; exit 2; }
done

for stage in "${chosen[@]}"; do
  stage_started=$SECONDS
  say "== $stage: ${tells[$stage]}"
  "stage_$stage"
  table+=("$stage" "$((SECONDS - stage_started))")
done
print_table
((${#unsteady[@]} == 0)) || printf 'test: failed once, and passed alone: %s\n' "${unsteady[@]}"
echo "$passed passed, $failed failed"
