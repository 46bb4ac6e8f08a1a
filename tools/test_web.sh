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
tools/build_web.sh "$KNUCKLE_PYTHON"
# What the tests compare with; one module a kind.
for module in tools/web_golden/[!_]*.py; do
  name="${module%.py}"
  "$KNUCKLE_PYTHON" -m "${name//\//.}"
done
cd web
npm run --silent types
npm test --silent
npm run --silent test:browser
