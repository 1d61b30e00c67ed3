#!/usr/bin/env bash
# Proves the README's two commands on a bare Debian 12: a fresh debootstrap, a fresh clone of what is committed
# here, and in there nothing but what scripts/setup.sh installs. Needs root, debootstrap and a network.
#
#   scripts/bare_root.sh                    scripts/demo.sh --exit, then scripts/test.sh
#   scripts/bare_root.sh 'COMMAND' ...      these instead, each by sh in the clone's top folder
#   BARE_ROOT_KEEP=1                        leave the root in place and say where it is
#
# The bare root is kept as a tarball in build/bare-root/ (delete it to fetch anew). Mounts and processes live in
# namespaces of their own: they end with this script, however it ends.
set -euo pipefail

say() { printf 'bare_root: %s\n' "$*"; }
die() { printf 'bare_root: %s\n' "$*" >&2; exit 1; }

top=$(cd "$(dirname "$0")/.." && pwd)
((EUID == 0)) || die "must be root (debootstrap, chroot)"
for tool in debootstrap unshare chroot git tar; do
  command -v "$tool" >/dev/null || die "needs $tool: apt-get install debootstrap util-linux git"
done
if [[ ${BARE_ROOT_INSIDE:-no} != yes ]]; then
  BARE_ROOT_INSIDE=yes exec unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi

commands=("$@")
((${#commands[@]} > 0)) || commands=('scripts/demo.sh --exit' 'scripts/test.sh')

cache=$top/build/bare-root
tarball=$cache/bookworm.tar
mkdir -p "$cache"
root=$(mktemp -d "$cache/root.XXXXXX")
chmod 755 "$root"

finish() {
  umount -R "$root/proc" "$root/dev" 2>/dev/null || true
  if [[ -n ${BARE_ROOT_KEEP:-} ]]; then
    say "kept: $root"
  elif mountpoint -q "$root/proc" || mountpoint -q "$root/dev"; then
    say "still mounted below $root: remove it by hand" >&2  # never delete through a mount
  else
    rm -rf "$root"
  fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The first Debian mirror that this machine itself uses.
host_mirror() {
  grep -rhoE 'https?://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -E '/debian/?$' | head -n 1 || true
}

if [[ ! -e $tarball ]]; then
  mirror=$(host_mirror)
  say "debootstrap of bookworm from ${mirror:=http://deb.debian.org/debian}"
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$cache/debootstrap.log" 2>&1 ||
    { tail -n 20 "$cache/debootstrap.log" >&2; die "debootstrap failed"; }
  tar -C "$root" -cf "$tarball.new" .
  mv "$tarball.new" "$tarball"
else
  say "unpacking the kept bare root"
  tar -C "$root" -xf "$tarball"
fi

# The network as this machine has it: its mirrors, its proxies, its name servers, the certificates that it trusts
# (npm asks its registry by https). Its other packages' apt settings stay behind, as would be on a bare machine.
certificates=()
copy_network() {
  rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d
  mkdir -p "$root/etc/apt/sources.list.d"
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.*; do
    [[ ! -e $file ]] || cp "$file" "$root$file"
  done
  for file in $(grep -liE 'proxy|Acquire::Check|Verify-Peer|CaInfo' /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null); do
    cp "$file" "$root/etc/apt/apt.conf.d/"
  done
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/trusted-by-host.crt"
    certificates=(npm_config_cafile=/etc/trusted-by-host.crt)
  fi
}
copy_network

mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -p "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

say "cloning $(git -C "$top" rev-parse --short HEAD)"
git clone --quiet --no-local "$top" "$root/srv/holdfast"

proxies=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [[ -z ${!name:-} ]] || proxies+=("$name=${!name}")
done
status=0
for command in "${commands[@]}"; do
  say "\$ $command"
  started=$SECONDS
  chroot "$root" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "${proxies[@]}" "${certificates[@]}" sh -c "cd /srv/holdfast && $command" </dev/null || status=$?
  say "$((SECONDS - started)) s, exit $status: $command"
  ((status == 0)) || break
done
exit "$status"
