#!/usr/bin/env bash
# Installs the other sides that the tests talk to: SMSCs, gateways, modem tools.
#
# What cannot be installed here is left out, and named at the end of the tests; so this never
# fails. Nothing that it installs is started, now or when the machine starts again.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly SOURCE=tests/peers
readonly MODULES=.peers
readonly PACKAGES=(
  gammu gammu-smsd libdbd-sqlite3 sqlite3
  smstools
  kannel kannel-extras
  libnet-smpp-perl
)
readonly SERVICES=(gammu-smsd smstools kannel)
readonly POLICY=/usr/sbin/policy-rc.d

note() { printf 'peers: %s\n' "$*" >&2; }

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
  local name
  for name in "${PACKAGES[@]}"; do
    is_installed "$name" || printf '%s\n' "$name"
  done
  if ! command -v npm >/dev/null; then
    command -v node >/dev/null || printf 'nodejs\n'
    printf 'npm\n'
  fi
}

apt() {
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

# Debian asks this file before it starts a service. One that is there is the machine's own.
forbid_starts() {
  [[ ! -e $POLICY ]] || return 0
  trap 'rm -f "$POLICY"' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
}

install_packages() {
  local missing name services=()
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  if (($(id -u) != 0)); then
    note "not root: left out ${missing[*]}"
    return 0
  fi
  for name in "${SERVICES[@]}"; do
    is_installed "$name" || services+=("$name")
  done
  note "installing ${missing[*]}"
  forbid_starts
  apt update || note "the lists of packages could not be fetched"
  if ! apt install -y --no-install-recommends "${missing[@]}"; then
    for name in "${missing[@]}"; do
      apt install -y --no-install-recommends "$name" || note "left out $name"
    done
  fi
  for name in ${services[@]+"${services[@]}"}; do
    update-rc.d "$name" disable >/dev/null 2>&1 || true
  done
}

install_modules() {
  cmp -s $SOURCE/package-lock.json $MODULES/installed && return 0
  if ! command -v npm >/dev/null; then
    note "left out the modules of node: npm is not here"
    return 0
  fi
  note "installing the modules of node"
  mkdir -p $MODULES
  cp $SOURCE/package.json $SOURCE/package-lock.json $SOURCE/.npmrc $MODULES/
  if npm ci --prefix $MODULES --ignore-scripts --silent >/dev/null; then
    cp $SOURCE/package-lock.json $MODULES/installed
  else
    note "left out the modules of node: npm could not install them"
  fi
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  install_packages
else
  note "neither Debian nor Ubuntu: install what the tests name at their end, if you can"
fi
install_modules
