#!/usr/bin/env bash
# Runs all checks, even when one fails, and names those that failed. It changes nothing in the working tree, and accepts
# uncommitted changes.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

not_source=(.git bin data node_modules)

# Generates code in one copy of the tree, and compares it with another.
generated_code() {
  mkdir "$scratch/now" "$scratch/again" &&
    tar "${not_source[@]/#/--exclude=}" -cf "$scratch/tree.tar" . &&
    tar -xf "$scratch/tree.tar" -C "$scratch/now" &&
    tar -xf "$scratch/tree.tar" -C "$scratch/again" &&
    (cd "$scratch/again" && go generate ./...) &&
    (cd "$scratch" && diff -r now again) &&
    return
  echo 'The generated code does not match its sources: run make generate.'
  return 1
}

# On empty databases of PostgreSQL and SQLite.
migrations() {
  bin/up -livekit bin/livekit-server -- go test -run MigrationsGive ./ent/database
}

# gqlgen moves unused code to the end of a resolver file, under this title.
resolver_files() {
  ! grep -n '!!! WARNING !!!' graph/*.go
}

go_mod() {
  go mod tidy -diff && go -C tools mod tidy -diff && go -C tools/minio mod tidy -diff &&
    go -C tools/lint mod tidy -diff
}

# Against the Compose specification, without the secrets that the file requires.
compose() {
  go -C tools tool github.com/compose-spec/compose-go/v2/cmd \
    -no-interpolation ../docker-compose.yml >/dev/null
}

# Reads the configuration as a start would, and prints its ports. (LiveKit exits with 0 even when it cannot.)
livekit_settings() {
  local ports
  ports=$(LIVEKIT_KEYS='key: secret' bin/livekit-server --config deploy/livekit.yaml ports)
  grep -q '^7880 - HTTP' <<<"$ports" || { echo "$ports" && return 1; }
}

# What the nginx image makes of the file, with addresses that resolve everywhere. Tests check a storage with https, which
# requires a file of certificates.
nginx_settings() {
  local nginx
  nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || { echo 'no nginx: make setup installs it' && return 1; }
  sed -e 's/${NGINX_LISTEN}/8080/; s/${NGINX_LOCAL_RESOLVERS}/127.0.0.1/' \
    -e 's/${FOYER_ADDRESS}/127.0.0.1:8081/; s/${S3_ADDRESS}/127.0.0.1:9000/' \
    -e 's/${FOYER_MEDIA_SECRET}/secret/; s/${S3_SCHEME}/http/; /proxy_ssl_/d' \
    deploy/nginx.conf >"$scratch/foyer.conf"
  echo "pid $scratch/pid; events {} http { access_log off; include $scratch/foyer.conf; }" \
    >"$scratch/nginx.conf"
  ! grep -n '${' "$scratch/foyer.conf" &&
    "$nginx" -q -t -e stderr -p "$scratch" -c "$scratch/nginx.conf"
}

# .golangci.yml names them.
linters() {
  go tool -modfile=tools/lint/go.mod golangci-lint run --timeout 20m ./...
}

# The page's operations against the schema, its types, its linter, and its unit tests.
page() {
  tools/node.sh npm --prefix web --silent run check
}

# Relative links and the headings they name, in every Markdown page.
links() {
  tools/node.sh node tools/links.mjs
}

arrows() {
  local output
  output=$(go test -run Arrows ./server 2>&1) || { echo "$output" && return 1; }
  if [[ $output == *"no tests to run"* ]]; then
    echo "there is no test of the arrows in ./server"
    return 1
  fi
}

unreachable=75 # the exit code of tools/vulnerabilities.sh if it cannot check

failed=() unchecked=()
check() { # check NAME COMMAND...
  local code=0
  echo "check: $1"
  "${@:2}" || code=$?
  case $code in
    0) ;;
    "$unreachable") unchecked+=("$1") ;;
    *) failed+=("$1") ;;
  esac
}

check "generated code is up to date" generated_code
check "migrations match ent/schema" migrations
check "no code lost in resolver files" resolver_files
check "linters" linters
check "go.mod is tidy" go_mod
check "docker-compose.yml" compose
check "deploy/livekit.yaml" livekit_settings
check "deploy/nginx.conf" nginx_settings
check "the page: types, linter, unit tests" page
check "links of the documentation" links
check "words for people" tools/words.sh
check "imports of packages" arrows
check "licences of dependencies" tools/licenses.sh
check "known vulnerabilities" tools/vulnerabilities.sh

if [ "${#failed[@]}" != 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
fi
if [ "${#unchecked[@]}" != 0 ]; then
  printf 'NOT CHECKED: %s\n' "${unchecked[@]}" >&2
fi
exit "$((${#failed[@]} != 0))"
