#!/usr/bin/env bash
# Installs what is missing to build and show Holdfast on Debian 12, and nothing else.
#
#   scripts/setup.sh             what the server, holdfast-bench and scripts/demo.sh need
#   scripts/setup.sh --sentinel  also what scripts/ha_demo.sh needs
#   scripts/setup.sh --test      also what only scripts/test.sh needs
#
# It looks for the thing itself (a command, a header, a Python module), not for a package's name: what was
# built by hand or came another way counts. With nothing missing it changes nothing and needs no root.
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

with_sentinel=no
with_tests=no
for argument in "$@"; do
  case $argument in
    --sentinel) with_sentinel=yes ;;
    --test) with_sentinel=yes with_tests=yes ;;
    *) die "unknown argument '$argument'; usage: scripts/setup.sh [--sentinel | --test]" ;;
  esac
done

missing=()  # packages, in the order found missing
need() {    # need <package> <test> <argument...>
  local package=$1
  shift
  "$@" || [[ " ${missing[*]:-} " == *" $package "* ]] || missing+=("$package")
}

machine=$(uname -m)
has_command() { command -v "$1" >/dev/null; }
has_file() { [[ -e $1 ]]; }
has_header() {
  [[ -e /usr/include/$1 || -e /usr/include/$machine-linux-gnu/$1 || -e /usr/local/include/$1 ]]
}
# The scripts call Debian's Python by its path: another one first in PATH has none of Debian's modules.
has_module() { [[ -e /usr/lib/python3/dist-packages/$1 ]]; }
has_clang_runtime() { compgen -G "/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-$machine.a" >/dev/null; }

need g++ has_command g++
need cmake has_command cmake
need ninja-build has_command ninja
need ccache has_command ccache
need pkg-config has_command pkg-config
need librocksdb-dev has_header rocksdb/db.h
need libuv1-dev has_header uv.h
need libabsl-dev has_header absl/container/flat_hash_set.h
need libxxhash-dev has_header xxhash.h
need libjemalloc-dev has_header jemalloc/jemalloc.h
need libfmt-dev has_header fmt/core.h
need libspdlog-dev has_header spdlog/spdlog.h
need redis-tools has_command redis-cli

if [[ $with_sentinel == yes ]]; then need redis-sentinel has_command redis-sentinel; fi
if [[ $with_tests == yes ]]; then
  need libgtest-dev has_header gtest/gtest.h
  need librapidcheck-dev has_header rapidcheck.h
  need libhiredis-dev has_header hiredis/hiredis.h
  need clang-14 has_command clang++-14
  need libclang-rt-14-dev has_clang_runtime
  need clang-tidy-14 has_command clang-tidy-14
  need clang-format-14 has_command clang-format-14
  need redis-server has_command redis-server
  need redis-tools has_command redis-benchmark
  need python3 has_file /usr/bin/python3
  need python3-redis has_module redis
  need nodejs has_command node
  need npm has_command npm
  need prometheus-redis-exporter has_command prometheus-redis-exporter
  need faketime has_command faketime
  need valgrind has_command valgrind
  need iproute2 has_command ip
  need nftables has_command nft
  need git has_command git
  need procps has_command ps
fi

check_cmake() {  # CMakePresets.json is of version 6
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*//p')
  [[ $(printf '%s\n' 3.25 "$version" | sort -V | head -n 1) == 3.25 ]] ||
    die "cmake $version is too old: 3.25 or newer is needed (Debian 12 has it)"
}

if ((${#missing[@]} == 0)); then
  check_cmake
  say "nothing is missing"
  exit 0
fi

say "missing: ${missing[*]}"
has_command apt-get || die "no apt-get here: install the above by this system's own means"
as_root=()
if ((EUID != 0)); then
  has_command sudo || die "must be root to install them: su -c 'apt-get install ${missing[*]}'"
  sudo -v || die "sudo refused; as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

# What Debian installs it also starts: its redis-server would take port 6379. policy-rc.d forbids starting
# services while we install; whatever stood in its place comes back, also when we are interrupted.
work=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
policy_set=no
restore_policy() {
  if [[ $policy_set == yes ]]; then
    "${as_root[@]}" rm -f "$policy"
    if [[ -e $policy.before-holdfast ]]; then "${as_root[@]}" mv "$policy.before-holdfast" "$policy"; fi
    policy_set=no
  fi
}
watcher=
finish() {
  [[ -z $watcher ]] || kill "$watcher" 2>/dev/null || true
  restore_policy
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

forbid_services() {
  policy_set=yes
  if [[ -e $policy && ! -e $policy.before-holdfast ]]; then
    "${as_root[@]}" mv "$policy" "$policy.before-holdfast"
  fi
  printf '#!/bin/sh\nexit 101\n' >"$work/policy-rc.d"
  "${as_root[@]}" install -m 755 "$work/policy-rc.d" "$policy"
}

# Says every 15 seconds what apt-get is at, so that nobody wonders.
watch_apt() {
  while sleep 15; do
    say "$1, $((SECONDS - started)) s: $(tail -n 1 "$work/apt.log" | tr -d '\r' | cut -c 1-80)"
  done
}

# Networks fail for a moment: once more after a pause, then with apt's own words.
run_apt() {
  local what=$1 try status
  shift
  for try in 1 2; do
    watch_apt "$what" &
    watcher=$!
    status=0
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
      -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o APT::Update::Error-Mode=any \
      "$@" </dev/null >"$work/apt.log" 2>&1 || status=$?
    kill "$watcher"
    wait "$watcher" 2>/dev/null || true
    watcher=
    ((status != 0)) || return 0
    if ((try == 1)); then
      say "$what failed, trying once more in 5 seconds"
      sleep 5
    fi
  done
  tail -n 20 "$work/apt.log" >&2
  die "$what failed; what apt-get said stands above"
}

started=$SECONDS
say "reading the package lists"
run_apt "apt-get update" update
say "installing; a bare machine fetches some 300 MB, which takes a minute or two"
forbid_services
run_apt "apt-get install" install --no-install-recommends "${missing[@]}"
restore_policy

# Nor shall it come up at the next boot. Only if we brought it: an administrator's own stays as it was.
for package in "${missing[@]}"; do
  if [[ $package =~ ^(redis-server|redis-sentinel|prometheus-redis-exporter)$ ]] && has_command systemctl; then
    "${as_root[@]}" systemctl disable --quiet "$package" >/dev/null 2>&1 || true
  fi
done

hash -r
check_cmake
say "done in $((SECONDS - started)) s"
