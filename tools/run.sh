#!/usr/bin/env bash
# Runs bin/livekit-server and bin/foyer side by side on this machine, until Ctrl-C or until one of
# them ends; then it ends the other. `make run` builds both first.
#
#   FOYER_ADDR    where Foyer listens (127.0.0.1:8080)
#   LIVEKIT_PORT  LiveKit's port (7880); media take the port after it (UDP)
set -euo pipefail
cd "$(dirname "$0")/.."

livekit_port=${LIVEKIT_PORT:-7880}
foyer_addr=${FOYER_ADDR:-127.0.0.1:8080}
log=data/livekit.log
mkdir -p data

answers() { # does somebody listen on this port of this machine?
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

# Development keys, so nobody but this machine may come near; and no address but loopback, so that
# media flow without a network. No media by TCP: LiveKit would listen for them on every address.
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
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  ips: {includes: [127.0.0.0/8]}
"

# end_both is the way out, whatever the reason. LiveKit first waits until everybody has left the
# calls; a second signal tells it not to.
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

# With job control each gets a process group of its own: a Ctrl-C reaches this script alone.
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
