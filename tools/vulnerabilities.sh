#!/usr/bin/env bash
# Looks for known vulnerabilities in what Foyer calls: of its dependencies, and of Go's own library.
#
#   tools/vulnerabilities.sh [PACKAGE...]   ./... when none is named
#
#   GOVULNDB   the database: https://vuln.go.dev, a copy of it, or a folder (file:///…)
#
# Fails with what it found; with 75 when the database cannot be reached, so that nothing is known.
set -euo pipefail
cd "$(dirname "$0")/.."

unreachable=75
database=${GOVULNDB:-https://vuln.go.dev}

govulncheck() {
  go tool -modfile=tools/audit/go.mod govulncheck -db "$database" "$@"
}

# Of a database that it reaches it says how old that is.
if ! govulncheck -version | grep -q '^DB updated: '; then
  echo "The vulnerability database $database cannot be reached." >&2
  exit "$unreachable"
fi
govulncheck "${@:-./...}"
