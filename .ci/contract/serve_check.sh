#!/usr/bin/env bash
# Serves an applied environment on loopback and looks at it from outside, twice.
#
#   serve_check.sh REM-CI
#
# 1. `rem-ci plan prod` with AWS_ENDPOINT_URL and keys, no sandbox in its path, gives the plan that `--sandbox` gives:
#    same digest, same changes, same number of calls.
# 2. PyPI's `aws` CLI counts what prod has (awscli_check.sh).
set -euo pipefail

[ $# -eq 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 64; }
bin=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
export CONTRACT_VENV=${CONTRACT_VENV:-$PWD/target/contract-venv}
# Nothing of the caller's own AWS set-up may leak in.
for name in $(compgen -e | grep '^AWS_' || true); do unset "$name"; done
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

work=$(mktemp -d)
server=
stop() {
  if [ -n "$server" ]; then
    kill "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
    server=
  fi
}
trap 'stop; rm -rf "$work"' EXIT
cp -r environments "$work/"
cd "$work"

serve() {
  : > exports
  "$bin" sandbox serve --state region.json > exports 2> serve.log &
  server=$!
  for _ in $(seq 1 300); do
    # The last of the lines says that all are there.
    if grep -q '^export KUBECONFIG=' exports; then return; fi
    kill -0 "$server" 2> /dev/null || break
    sleep 0.2
  done
  echo "rem-ci sandbox serve did not start:" >&2
  cat serve.log >&2
  exit 1
}

failed=0
passed=0
# same WHEN: the plan of both doors, without what only tells how it was read and what the clock says.
same() {
  "$bin" plan prod --sandbox=region.json --format json > inside.json
  serve
  (
    while IFS= read -r line; do export "${line#export }"; done < exports
    "$bin" plan prod --format json > outside.json
  )
  stop
  if python3 - "$1" << 'PY'; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
import json, sys
inside, outside = (json.load(open(name))["environments"][0] for name in ("inside.json", "outside.json"))
wrong = []
if (inside["mode"], outside["mode"]) != ("sandbox", "live"):
    wrong.append(f"modes {inside['mode']}, {outside['mode']}")
for key in ("plan_digest", "input_digest", "summary", "changes", "cost"):
    if inside[key] != outside[key]:
        wrong.append(f"{key} differs")
calls = [side["reads"]["calls"] for side in (inside, outside)]
if calls[0] != calls[1] or not calls[0]:
    wrong.append(f"calls {calls}")
rows = {row["action"] for row in outside["changes"]}
print(f"{'FAIL' if wrong else 'ok  '} {sys.argv[1]}: {'; '.join(wrong) or calls[0]} calls, {outside['summary']}")
sys.exit(bool(wrong))
PY
}

same "plan of nothing yet"
mv inside.json wanted.json
"$bin" apply prod --sandbox=region.json --yes --quiet > /dev/null
same "plan of applied prod"
echo "two doors: $passed passed, $failed failed"

serve
# Three zones: three public and three private subnets, three NAT gateways. Roles: cluster, nodes, node group, Karpenter's
# controller, add-ons; as many as the first plan said it would make.
kind() { python3 -c 'import json, sys; print(sum(row["kind"] in sys.argv[1:] for row in json.load(open("wanted.json"))["environments"][0]["changes"]))' "$@"; }
cd - > /dev/null
counts=(vpcs=1 subnets=6 nat_gateways=3 clusters=1 node_groups=1 queues=1 aliases=1 log_groups=1)
counts+=("addons=$(cd "$work" && kind addon)" "rules=$(cd "$work" && kind event-rule)")
counts+=("roles=$(cd "$work" && kind iam-role)" "policies=$(cd "$work" && kind iam-policy)")
CLUSTER=rem-prod "$here/awscli_check.sh" "$work/exports" "${counts[@]}" || failed=$((failed + 1))
stop
[ "$failed" -eq 0 ]
