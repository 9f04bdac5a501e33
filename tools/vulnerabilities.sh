#!/usr/bin/env bash
# Looks for known vulnerabilities in the code that Foyer calls, of its dependencies and of Go's own library.
#
#   tools/vulnerabilities.sh [PACKAGE...]   ./... by default
#
#   GOVULNDB   the database: https://vuln.go.dev, a copy of it, or a folder (file:///…)
#
# Fails with what it found, or with 75 if the database cannot be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

unreachable=75
database=${GOVULNDB:-https://vuln.go.dev}

govulncheck() {
  go tool -modfile=tools/audit/go.mod govulncheck -db "$database" "$@"
}

# govulncheck prints the age of a database only if it reaches it.
if ! govulncheck -version | grep -q '^DB updated: '; then
  echo "The vulnerability database $database cannot be reached." >&2
  exit "$unreachable"
fi
govulncheck "${@:-./...}"
