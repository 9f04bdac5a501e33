#!/usr/bin/env bash
# Checks that every dependency of Foyer and its page has a licence that a program under the MIT licence may be distributed
# with, tests and tools for the page included. Names those that have not.
set -euo pipefail
cd "$(dirname "$0")/.."

# Names of https://spdx.org/licenses. Files under MPL-2.0 are used unchanged, and their sources are public.
allowed=(
  0BSD Apache-2.0 BlueOak-1.0.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-4.0 ISC MIT MPL-2.0
  Python-2.0 Unicode-DFS-2016 Unlicense
)

# go-licenses warns about every package with assembly, and prints the files on lines of their own.
of_go() {
  local said
  said=$(go tool -modfile=tools/audit/go.mod go-licenses check ./... --include_tests --ignore foyer \
    --allowed_licenses="$(IFS=, && echo "${allowed[*]}")" 2>&1) && return
  grep -Ev '^(W|/)' <<<"$said" >&2
  return 1
}

# npm's lock files have the licence that each package declares.
of_npm() {
  tools/node.sh node tools/licenses.mjs "${allowed[*]}" \
    web/package-lock.json web/graphiql/package-lock.json test/env/node/package-lock.json
}

failed=0
of_go || failed=1
of_npm || failed=1
exit "$failed"
