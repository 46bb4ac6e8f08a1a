#!/usr/bin/env bash
# Builds the AR page into web/dist: what Python makes of it (the rig, recorded samples), then the programs.
# tools/build_web.sh PYTHON, of an environment that has knuckle. Needs Node 20 or newer, with npm.
set -euo pipefail
python="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
cd "$(dirname "$0")/.."
if ! command -v npm > /dev/null; then
  echo "the AR page: expected Node 20 or newer with npm to build it, got none" >&2
  exit 1
fi
for module in tools/web_assets/[!_]*.py; do
  name="${module%.py}"
  "$python" -m "${name//\//.}"
done
cd web
# Packages by the lock file, once for each version of it.
if ! cmp --silent package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed-lock
fi
npm run --silent build
