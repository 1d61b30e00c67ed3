#!/usr/bin/env bash
# One command from a bare Debian 12 to a sale: installs what is missing, builds, starts a server on a free
# loopback port, shows what a shop says to it, lets a crowd fight for 50,000 masks while the server is killed
# with -9 in the middle, and audits every unit. Then the server stays up until Ctrl-C.
#
#   scripts/demo.sh            stays up at the end
#   scripts/demo.sh --exit     stops at the end (also when there is no terminal)
#
# Everything it makes lies in build/ and in a directory under /tmp that it removes.
set -euo pipefail
cd "$(dirname "$0")/.."

stay=yes
[[ -t 0 && -t 1 ]] || stay=no
for argument in "$@"; do
  case $argument in
    --exit) stay=no ;;
    *) echo "demo: unknown argument '$argument'; usage: scripts/demo.sh [--exit]" >&2; exit 2 ;;
  esac
done

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

say "What is needed"
scripts/setup.sh

say "Build (the longest part, a few minutes from nothing)"
# A directory of its own: the tests' build beside it keeps its settings.
build=build/demo
cmake --preset release -B "$build" -DHOLDFAST_TESTS=OFF >"/tmp/holdfast-demo-cmake.$$" ||
  { cat "/tmp/holdfast-demo-cmake.$$"; exit 1; }
rm -f "/tmp/holdfast-demo-cmake.$$"
cmake --build "$build" --target holdfast holdfast-bench

directory=$(mktemp -d /tmp/holdfast-demo.XXXXXX)
server=
bench=
cleanup() {
  [[ -z $bench ]] || kill "$bench" 2>/dev/null || true
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  [[ -z $server ]] || wait "$server" 2>/dev/null || true
  rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A port that nobody listens on now.
port=
for candidate in $(seq 6390 6490); do
  if ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
    port=$candidate
    break
  fi
done
[[ -n $port ]] || { echo "demo: no free port between 6390 and 6490" >&2; exit 1; }

cli() { redis-cli -p "$port" "$@"; }

start_server() {
  # The grace after a restart is 30 s by default; a demonstration need not wait that long for what expires.
  "$build/bin/holdfast" --port "$port" --dir "$directory" --restart-grace 5 \
    >>"$directory/server.log" 2>&1 </dev/null &
  server=$!
  for _ in $(seq 600); do
    [[ $(cli PING 2>/dev/null) == PONG ]] && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  echo "demo: the server did not start; its log:" >&2
  cat "$directory/server.log" >&2
  exit 1
}

# What a person would type, and what comes back.
type_line() {
  printf '\n> %s\n' "$*"
  cli --no-raw "$@" | sed 's/^/  /'
}

say "A server on 127.0.0.1:$port, every acknowledged reservation on disk before its reply"
start_server
opens=$(( $(date +%s%3N) + 1500 ))
type_line STOCK.CREATE mask 5 LIMIT 2 OPENS "$opens" TTL 600
echo "  (the sale opens in a second and a half; this click is too early)"
type_line RESERVE mask ord-1 2 BUYER ann
while (( $(date +%s%3N) < opens + 20 )); do sleep 0.05; done
echo "  (open)"
type_line RESERVE mask ord-1 2 BUYER ann
echo "  (the answer was lost, the shop asks again: same hold, no second unit)"
type_line RESERVE mask ord-1 2 BUYER ann
echo "  (two are her limit)"
type_line RESERVE mask ord-2 1 BUYER ann
type_line RESERVE mask ord-3 2 BUYER bob
type_line RESERVE mask ord-4 1 BUYER eve
echo "  (gone)"
type_line RESERVE mask ord-5 1 BUYER joe
type_line CONFIRM mask ord-1
type_line RELEASE mask ord-3
type_line STOCK.GET mask available held sold supplied state
type_line STOCK.AUDIT mask

say "220,000 buyers, 50,000 masks, five for each at most; kill -9 at half time"
sku=masks
"$build/bin/holdfast-bench" --port "$port" --scenario masks --sku "$sku" --buyers 220000 \
  --stock 50000 --limit 5 &
bench=$!
sold() { cli STOCK.GET "$sku" sold 2>/dev/null | tail -n 1; }
for _ in $(seq 2400); do
  now=$(sold)
  [[ $now =~ ^[0-9]+$ ]] && (( now >= 25000 )) && break
  kill -0 "$bench" 2>/dev/null || break
  sleep 0.05
done
kill -9 "$server"
wait "$server" 2>/dev/null || true
printf '\n\033[1m== kill -9 with %s masks sold; restarting on the same directory\033[0m\n' "$now"
start_server
grep 'DB loaded' "$directory/server.log" | tail -n 1

status=0
wait "$bench" || status=$?
bench=
type_line STOCK.GET "$sku" available held sold supplied state
type_line STOCK.AUDIT "$sku"
if (( status != 0 )); then
  echo "demo: the audit found a difference (above); the server's log:" >&2
  tail -n 20 "$directory/server.log" >&2
  exit "$status"
fi
say "Not one unit sold twice or lost"

if [[ $stay == yes ]]; then
  cat <<TXT

The server is up. Point anything that speaks Redis at it:

  redis-cli -p $port                      (type RESERVE and a blank for its hints)
  redis://127.0.0.1:$port                 (any client library)
  redis-benchmark -p $port -t set,get -q

Ctrl-C stops it and removes its data.
TXT
  wait "$server"
fi
