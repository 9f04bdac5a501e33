#!/usr/bin/env bash
# Installs what `make test` needs beside Go: make itself, redis-server, PostgreSQL, PgBouncer, nginx, curl, Node for the
# page and for the GraphQL clients in tests, Chromium and Firefox for tests of the page, and the C compiler that Go's race
# detector links with. Does nothing if all are installed. If it may not install anything, it says what to install and
# fails.
set -euo pipefail

has_postgres() {
  compgen -G '/usr/lib/postgresql/[1-9][0-9]/bin/initdb' || command -v initdb
}

# An ordinary account of Debian has no /usr/sbin in its PATH.
has_nginx() {
  command -v nginx || test -x /usr/sbin/nginx
}

has_pgbouncer() {
  command -v pgbouncer || test -x /usr/sbin/pgbouncer
}

# Prints one Debian package a line.
missing_packages() {
  command -v make >/dev/null || echo make
  command -v redis-server >/dev/null || echo redis-server
  has_postgres >/dev/null || echo postgresql
  has_pgbouncer >/dev/null || echo pgbouncer
  has_nginx >/dev/null || echo nginx
  command -v curl >/dev/null || echo curl
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
  command -v chromium >/dev/null || echo chromium
  command -v firefox-esr >/dev/null || echo firefox-esr
  command -v gcc >/dev/null || printf '%s\n' gcc libc6-dev
}

# Says once in each checkout how to have git check commit titles. It changes no setting of git's.
offer_hook() {
  local hooks
  hooks=$(git rev-parse --git-path foyer-hook-offered 2>/dev/null) || return 0 # no checkout
  if [ -e "$hooks" ] || git config core.hooksPath >/dev/null; then return 0; fi
  touch "$hooks" 2>/dev/null || return 0
  echo "To have git check the titles of your commits: git config core.hooksPath tools/hooks" >&2
}
offer_hook

mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" = 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  as_root=(sudo -n) # never ask for a password
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
  echo "Tests need programs that are not installed here, and this account may not install them." >&2
  echo "On Debian: sudo apt-get install ${packages[*]}" >&2
  echo "Elsewhere: make, gcc, curl, Redis 7, PostgreSQL 15, PgBouncer, nginx, Node 20.19 with npm, Chromium and Firefox ESR, or newer ones, all in the PATH." >&2
  exit 1
fi

# Debian starts a service when it is installed, unless this file forbids it. Tests start servers of their own; the
# system's would only take the usual ports and memory.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

echo "Installing ${packages[*]} for the tests" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null

# These services must not start with the machine either.
if [ -d /run/systemd/system ]; then
  for package in "${packages[@]}"; do
    case $package in
      redis-server | postgresql | pgbouncer | nginx) "${as_root[@]}" systemctl --quiet disable "$package" || true ;;
    esac
  done
fi
