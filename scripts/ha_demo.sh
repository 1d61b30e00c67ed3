#!/usr/bin/env bash
# A sale that outlives its server: one primary, two replicas and three Sentinels on loopback; a crowd fights for
# 50,000 masks, the primary is killed with -9 in the middle, Sentinel promotes a replica, the crowd goes on there,
# and the audit counts every unit that anybody was told of.
#
#   scripts/ha_demo.sh
#
# Builds what it needs into build/demo, as scripts/demo.sh does; everything else lies in a directory under /tmp that it
# removes.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

say "What is needed, and the build (the longest part, a few minutes from nothing)"
scripts/setup.sh --sentinel
build=build/demo
cmake --preset release -B "$build" -DHOLDFAST_TESTS=OFF >"/tmp/holdfast-demo-cmake.$$" ||
  { cat "/tmp/holdfast-demo-cmake.$$"; exit 1; }
rm -f "/tmp/holdfast-demo-cmake.$$"
cmake --build "$build" --target holdfast holdfast-bench

directory=$(mktemp -d /tmp/holdfast-ha.XXXXXX)
declare -A process=()
cleanup() {
  for name in "${!process[@]}"; do kill -9 "${process[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Six ports that nobody listens on now.
ports=()
for candidate in $(seq 6500 6700); do
  (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null || ports+=("$candidate")
  (( ${#ports[@]} == 6 )) && break
done
(( ${#ports[@]} == 6 )) || { echo "ha_demo: no six free ports between 6500 and 6700" >&2; exit 1; }
nodes=("${ports[@]:0:3}")
sentinels=("${ports[@]:3:3}")

# Each names the others: whichever leads waits for those of them that are there.
start_node() {
  local port=$1 others=() other
  shift
  for other in "${nodes[@]}"; do [[ $other == "$port" ]] || others+=("127.0.0.1:$other"); done
  mkdir -p "$directory/$port"
  "$build/bin/holdfast" --port "$port" --bind 127.0.0.1 --dir "$directory/$port" --restart-grace 5 \
    --sync-replicas "${others[*]}" "$@" >>"$directory/$port.log" 2>&1 </dev/null &
  process[$port]=$!
}

info() { redis-cli -p "$1" INFO replication 2>/dev/null | tr -d '\r' | sed -n "s/^$2://p"; }

await() {  # what, then a command
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" && return
    sleep 0.05
  done
  echo "ha_demo: $what did not happen; the logs:" >&2
  tail -n 15 "$directory"/*.log >&2
  exit 1
}
answers() { [[ $(redis-cli -p "$1" PING 2>/dev/null) == PONG ]]; }
has_set_of() { [[ $(info "$1" sync_set_size) == "$2" ]]; }

primary=${nodes[0]}
say "A primary on port $primary, replicas on ${nodes[1]} and ${nodes[2]}, and what it waits for before it acknowledges"
start_node "$primary"
await "the primary's start" answers "$primary"
for port in "${nodes[@]:1}"; do start_node "$port" --replicaof "127.0.0.1 $primary"; done
await "the sync set of three" has_set_of "$primary" 3
redis-cli --no-raw -p "$primary" SYNCSET LIST
redis-cli -p "$primary" INFO replication | grep -E '^(role|slave|sync_set)'

say "Three Sentinels, two of which must agree"
for port in "${sentinels[@]}"; do
  mkdir -p "$directory/$port"
  cat >"$directory/$port/sentinel.conf" <<TXT
port $port
bind 127.0.0.1
dir $directory/$port
sentinel monitor sale 127.0.0.1 $primary 2
sentinel down-after-milliseconds sale 2000
sentinel failover-timeout sale 10000
TXT
  redis-sentinel "$directory/$port/sentinel.conf" >"$directory/$port.log" 2>&1 </dev/null &
  process[$port]=$!
done
knows_all() {
  local flat
  flat=$(redis-cli -p "$1" SENTINEL MASTER sale 2>/dev/null | paste -sd' ') || return 1
  [[ $flat == *" num-slaves 2 "* && $flat == *" num-other-sentinels 2 "* ]]
}
for port in "${sentinels[@]}"; do await "Sentinel's look around" knows_all "$port"; done
redis-cli -p "${sentinels[0]}" SENTINEL CKQUORUM sale

say "220,000 buyers, 50,000 masks, five for each at most; kill -9 of the primary at half time"
"$build/bin/holdfast-bench" --port "$primary" --or-port "${nodes[1]}" --or-port "${nodes[2]}" \
  --scenario masks --sku masks --buyers 220000 --stock 50000 --limit 5 &
bench=$!
process[bench]=$bench
sold() { redis-cli -p "$1" STOCK.GET masks sold 2>/dev/null | tail -n 1; }
for _ in $(seq 2400); do
  now=$(sold "$primary")
  [[ $now =~ ^[0-9]+$ ]] && (( now >= 25000 )) && break
  kill -0 "$bench" 2>/dev/null || break
  sleep 0.02
done
killed=$(date +%s%3N)
{ kill -9 "${process[$primary]}" && wait "${process[$primary]}"; } 2>/dev/null || true
printf '\n\033[1m== kill -9 with %s masks sold\033[0m\n' "$now"

promoted=
takes_writes() {
  local port
  for port in "${nodes[@]:1}"; do
    if [[ $(redis-cli -p "$port" SET ha:probe 1 2>/dev/null) == OK ]]; then
      promoted=$port
      return 0
    fi
  done
  return 1
}
await "the failover" takes_writes
printf '\n\033[1m== %s leads, and takes writes %s ms after the kill\033[0m\n' "$promoted" \
  "$(( $(date +%s%3N) - killed ))"

status=0
wait "$bench" || status=$?
unset 'process[bench]'
redis-cli --no-raw -p "$promoted" STOCK.GET masks available held sold supplied state
redis-cli --no-raw -p "$promoted" STOCK.AUDIT masks
if (( status != 0 )); then
  echo "ha_demo: the audit found a difference (above); the new primary's log:" >&2
  tail -n 20 "$directory/$promoted.log" >&2
  exit "$status"
fi

say "The old primary comes back, as a replica"
start_node "$primary"
await "its return into the sync set" has_set_of "$promoted" 3
redis-cli -p "$promoted" INFO replication | grep -E '^(role|slave|sync_set)'
say "Not one unit sold twice or lost"
