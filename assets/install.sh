#!/usr/bin/env bash
# Fetches the script that shows the reference at /docs, where npm is there to fetch it.
#
# simlet serves it itself; without it /docs is a plain page. So this never fails.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly SOURCE=assets
readonly TARGET=src/simlet/web/assets
readonly PACKAGE=node_modules/@scalar/api-reference

note() { printf 'assets: %s\n' "$*" >&2; }

cmp -s $SOURCE/package-lock.json $TARGET/installed && exit 0
if ! command -v npm >/dev/null; then
  note "npm is not here: /docs will be a plain page"
  exit 0
fi
note "fetching the reference page's script"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp $SOURCE/package.json $SOURCE/package-lock.json $SOURCE/.npmrc "$work"
if ! npm ci --prefix "$work" --ignore-scripts --silent >/dev/null; then
  note "it could not be fetched: /docs will be a plain page"
  exit 0
fi
mkdir -p $TARGET
gzip -9 -n -c "$work/$PACKAGE/dist/browser/standalone.js" >$TARGET/reference.js.gz
cp $SOURCE/package-lock.json $TARGET/installed
