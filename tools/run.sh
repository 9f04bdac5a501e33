#!/usr/bin/env bash
# Runs bin/livekit-server and bin/foyer on this machine until Ctrl-C, or until one of them ends; then it ends the other.
# `make run` builds both first.
#
#   FOYER_ADDR    where Foyer listens (127.0.0.1:8080)
#   LIVEKIT_PORT  LiveKit's port (7880); media use the next port (UDP)
#   MEDIA_ADDRESS the machine's address for media beside loopback (its private ones); none for loopback alone
set -euo pipefail
cd "$(dirname "$0")/.."

livekit_port=${LIVEKIT_PORT:-7880}
foyer_addr=${FOYER_ADDR:-127.0.0.1:8080}
log=data/livekit.log
mkdir -p data

answers() { # does a program listen on this port of this machine?
  (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

must_be_free() {
  if answers "$1"; then
    echo "Port $1, for $2, is taken. Choose another: $3 make run" >&2
    exit 1
  fi
}

must_be_free "$livekit_port" LiveKit \
  "${FOYER_ADDR:+FOYER_ADDR=$FOYER_ADDR }LIVEKIT_PORT=$((livekit_port + 100))"
must_be_free "${foyer_addr##*:}" Foyer \
  "FOYER_ADDR=${foyer_addr%:*}:$((${foyer_addr##*:} + 1))${LIVEKIT_PORT:+ LIVEKIT_PORT=$LIVEKIT_PORT}"

# private_addresses prints this machine's IPv4 addresses that the internet cannot reach, one a line: private (RFC 1918),
# shared (RFC 6598, which VPNs use), link-local, and for documentation (RFC 5737).
private_addresses() {
  local private='10|192\.168|172\.(1[6-9]|2[0-9]|3[01])'
  local other='100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])|169\.254|192\.0\.2|198\.51\.100|203\.0\.113'
  { ip -4 addr || ifconfig; } 2>/dev/null | grep -oE 'inet (addr:)?[0-9.]+' | grep -oE '[0-9.]+$' |
    grep -E "^($private|$other)\\." || true
}

# Media use loopback, which needs no network. Firefox does not join meetings over loopback, so LiveKit also offers the
# machine's private addresses. There it listens only for media (UDP), and accepts them only from people who came by its
# signalling on loopback.
media_networks=(127.0.0.0/8)
for address in ${MEDIA_ADDRESS:-$(private_addresses)}; do
  [ "$address" = none ] || media_networks+=("$address/32")
done
if [ "${#media_networks[@]}" = 1 ]; then
  echo "Meetings use only 127.0.0.1, where Firefox cannot join: use Chrome or Chromium (see README.md, Try it)." >&2
fi

# Keys that everybody knows, so LiveKit's signalling is on loopback. No media over TCP: LiveKit would listen for them on
# every address. ICE lite, so that LiveKit asks no STUN server on the internet for its address.
livekit_config="
development: true
port: $livekit_port
bind_addresses: [127.0.0.1]
keys: {devkey: secret}
webhook: {api_key: devkey, urls: ['http://$foyer_addr/webhooks/livekit']}
logging: {level: info}
rtc:
  tcp_port: 0
  udp_port: $((livekit_port + 1))
  use_external_ip: false
  use_ice_lite: true
  enable_loopback_candidate: true
  ips: {includes: [$(IFS=, && echo "${media_networks[*]}")]}
"

# end_both runs at every exit. LiveKit first waits until everybody has left the meetings; a second signal stops that.
# shellcheck disable=SC2317 # a trap calls it
end_both() {
  trap '' INT TERM HUP
  if [ -n "${foyer:-}" ]; then
    kill -TERM "$foyer" 2>/dev/null || true
    wait "$foyer" || true
  fi
  for _ in {1..100}; do
    kill -TERM "$livekit" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$livekit"
}

livekit_failed() {
  echo "LiveKit has ended; the end of $log:" >&2
  tail -n 20 "$log" >&2
  exit 1
}

# With job control each gets a process group of its own: Ctrl-C reaches only this script.
set -m
env -i HOME="$HOME" PATH="$PATH" bin/livekit-server --config-body "$livekit_config" >"$log" 2>&1 &
livekit=$!
set +m
trap end_both EXIT
trap 'exit 0' INT TERM HUP

until answers "$livekit_port"; do
  kill -0 "$livekit" 2>/dev/null || livekit_failed
  sleep 0.1
done

set -m
FOYER_ADDR=$foyer_addr LIVEKIT_URL=ws://127.0.0.1:$livekit_port \
  LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret bin/foyer &
foyer=$!
set +m

code=0
wait -n "$livekit" "$foyer" || code=$?
kill -0 "$livekit" 2>/dev/null || livekit_failed
exit "$code"
