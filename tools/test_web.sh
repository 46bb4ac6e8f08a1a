#!/usr/bin/env bash
# Builds the AR page and runs all its tests: types, units in Node, then a real browser. tools/test_web.sh PYTHON
# A tool that is missing is a skip with a sentence: without Node nothing runs, without Chromium all but the browser's tests.
set -euo pipefail
cd "$(dirname "$0")/.."
KNUCKLE_PYTHON="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
export KNUCKLE_PYTHON
for tool in node npm; do
  if ! command -v "$tool" > /dev/null; then
    echo "make test-web: skipped, $tool is not installed (Node 20 or newer, with npm)"
    exit 0
  fi
done
if [ "$(node --print 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  echo "make test-web: skipped, Node is $(node --version), and 20 or newer is needed"
  exit 0
fi
# One module a kind; each writes its share of web/generated or web/golden.
shopt -s nullglob
for module in tools/web_assets/[!_]*.py tools/web_golden/[!_]*.py; do
  name="${module%.py}"
  "$KNUCKLE_PYTHON" -m "${name//\//.}"
done
cd web
# Packages by the lock file, once for each version of it.
if ! cmp --silent package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed-lock
fi
npm run --silent types
npm test --silent
npm run --silent build
npm run --silent test:browser
