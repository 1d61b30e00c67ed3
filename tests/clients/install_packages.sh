#!/usr/bin/env bash
# Fetches the packages of package-lock.json into a folder that holds a copy of it, unless they are there already.
# No package's own script runs.
set -euo pipefail
cd "$1"
if cmp --silent package-lock.json node_modules/.installed-lock.json; then
  echo "the packages are there already"
  exit 0
fi
npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error
cp package-lock.json node_modules/.installed-lock.json
