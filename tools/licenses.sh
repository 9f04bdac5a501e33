#!/usr/bin/env bash
# Looks whether everything that Foyer and its page are made of has a licence that a program under the MIT
# licence may be given away with, tests and tools for the page included. Names what has not.
set -euo pipefail
cd "$(dirname "$0")/.."

# By their names in https://spdx.org/licenses. The files of MPL-2.0 are used as they are, and their
# sources are public.
allowed=(
  0BSD Apache-2.0 BlueOak-1.0.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC-BY-4.0 ISC MIT MPL-2.0
  Python-2.0 Unicode-DFS-2016 Unlicense
)

# It warns of every package with assembly, and names the files on lines of their own.
of_go() {
  local said
  said=$(go tool -modfile=tools/audit/go.mod go-licenses check ./... --include_tests --ignore foyer \
    --allowed_licenses="$(IFS=, && echo "${allowed[*]}")" 2>&1) && return
  grep -Ev '^(W|/)' <<<"$said" >&2
  return 1
}

# npm notes in its lock files what each package says of itself.
of_npm() {
  tools/node.sh node tools/licenses.mjs "${allowed[*]}" \
    web/package-lock.json web/graphiql/package-lock.json test/env/node/package-lock.json
}

failed=0
of_go || failed=1
of_npm || failed=1
exit "$failed"
