#!/usr/bin/env bash
# Runs a command against PyPI's moto, an AWS simulator that is not ours, on a free port of loopback.
#
#   moto_check.sh COMMAND [ARGUMENT]...
#
# The command sees AWS_ENDPOINT_URL (and the same as REM_CI_MOTO_ENDPOINT), AWS_REGION and credentials. Its exit code is this script's.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 64; }
venv=${CONTRACT_VENV:-target/contract-venv}
if [ ! -x "$venv/bin/moto_server" ]; then
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet 'moto[server]'
fi

port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
# Nothing of the caller's own AWS set-up may leak in.
for name in $(compgen -e | grep '^AWS_' || true); do unset "$name"; done
MOTO_IAM_LOAD_MANAGED_POLICIES=true "$venv/bin/moto_server" -H 127.0.0.1 -p "$port" > "$log" 2>&1 &
server=$!
trap 'kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; rm -f "$log"' EXIT

for _ in $(seq 1 300); do
  if "$venv/bin/python" -c "import socket; socket.create_connection(('127.0.0.1', $port), 1).close()" 2> /dev/null; then
    ready=yes
    break
  fi
  kill -0 "$server" 2> /dev/null || break
  sleep 0.2
done
if [ -z "${ready:-}" ]; then
  echo "moto did not start:" >&2
  cat "$log" >&2
  exit 1
fi

status=0
REM_CI_MOTO_ENDPOINT="http://127.0.0.1:$port" AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION="${MOTO_REGION:-us-east-1}" AWS_ACCESS_KEY_ID=testing \
  AWS_SECRET_ACCESS_KEY=testing AWS_SESSION_TOKEN=testing AWS_EC2_METADATA_DISABLED=true \
  AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null "$@" || status=$?
if [ "$status" -eq 0 ]; then echo "moto: 1 passed, 0 failed"; else echo "moto: 0 passed, 1 failed"; tail -20 "$log" >&2; fi
exit "$status"
