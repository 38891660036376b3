#!/usr/bin/env bash
# Reads a served sandbox with the real `aws` CLI and counts what it sees.
#
#   awscli_check.sh EXPORTS [NAME=COUNT]...
#
# EXPORTS is a file with the export lines of `rem-ci sandbox serve` (- reads them from stdin). CLUSTER names the cluster
# whose node groups and add-ons are counted; without it the first one is taken. Counts that are not given are only read,
# which must succeed: vpcs subnets nat_gateways clusters node_groups addons queues rules roles policies aliases log_groups.
# Default things of an account (managed keys, AWS's own policies) are not counted.
#
# Backquotes in single quotes are JMESPath's own.
# shellcheck disable=SC2016
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 64; }
exports=$1
shift
venv=${CONTRACT_VENV:-target/contract-venv}
if [ ! -x "$venv/bin/aws" ]; then
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet awscli
fi

# Nothing of the caller's own AWS set-up may leak in.
for name in $(compgen -e | grep '^AWS_' || true); do unset "$name"; done
if [ "$exports" = - ]; then lines=$(cat); else lines=$(cat "$exports"); fi
while IFS= read -r line; do
  case $line in
    "export AWS_"[A-Z_]*=*) export "${line#export }" ;;
  esac
done <<< "$lines"
: "${AWS_ENDPOINT_URL:?the export lines name no AWS_ENDPOINT_URL}"
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true AWS_PAGER="" AWS_MAX_ATTEMPTS=1

passed=0
failed=0
aws() { "$venv/bin/aws" --endpoint-url "$AWS_ENDPOINT_URL" --region "$AWS_REGION" --output text "$@"; }

# check NAME WANTED-COUNT ARGUMENTS...: the answer is one number.
check() {
  local name=$1 wanted=$2 have
  shift 2
  if ! have=$(aws "$@" 2>&1); then
    echo "FAIL $name: aws $*: $have"
    failed=$((failed + 1))
  elif [ -n "$wanted" ] && [ "$have" != "$wanted" ]; then
    echo "FAIL $name: $have, not $wanted"
    failed=$((failed + 1))
  else
    echo "ok   $name: $have"
    passed=$((passed + 1))
  fi
}

declare -A want=()
for pair in "$@"; do
  case $pair in
    [a-z_]*=[0-9]*) want[${pair%%=*}]=${pair#*=} ;;
    *) echo "not NAME=COUNT: $pair" >&2; exit 64 ;;
  esac
done
of() {
  local count=${want[$1]:-}
  unset "want[$1]"
  wanted=$count
}

of vpcs;         check vpcs "$wanted" ec2 describe-vpcs --query 'length(Vpcs[?!IsDefault])'
of subnets;      check subnets "$wanted" ec2 describe-subnets --query 'length(Subnets[?!DefaultForAz])'
of nat_gateways; check nat_gateways "$wanted" ec2 describe-nat-gateways --filter Name=state,Values=pending,available --query 'length(NatGateways)'
of clusters;     check clusters "$wanted" eks list-clusters --query 'length(clusters)'
cluster=${CLUSTER:-$(aws eks list-clusters --query 'clusters[0]' 2> /dev/null || true)}
if [ -n "$cluster" ] && [ "$cluster" != None ]; then
  check cluster_status "" eks describe-cluster --name "$cluster" --query 'cluster.status'
  of node_groups; check node_groups "$wanted" eks list-nodegroups --cluster-name "$cluster" --query 'length(nodegroups)'
  of addons;      check addons "$wanted" eks list-addons --cluster-name "$cluster" --query 'length(addons)'
fi
# The CLI replaces the SQS endpoint from the environment; the flag above holds.
of queues;       check queues "$wanted" sqs list-queues --query 'length(QueueUrls || `[]`)'
of rules;        check rules "$wanted" events list-rules --query 'length(Rules)'
of roles;        check roles "$wanted" iam list-roles --query 'length(Roles[?!starts_with(Path, `/aws-service-role/`)])'
of policies;     check policies "$wanted" iam list-policies --scope Local --query 'length(Policies)'
of aliases;      check aliases "$wanted" kms list-aliases --query 'length(Aliases[?!starts_with(AliasName, `alias/aws/`)])'
of log_groups;   check log_groups "$wanted" logs describe-log-groups --query 'length(logGroups)'

for name in "${!want[@]}"; do
  echo "FAIL $name: ${want[$name]} wanted, but it was not asked for (no cluster, or no such name)"
  failed=$((failed + 1))
done
echo "aws cli: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
