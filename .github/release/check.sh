#!/usr/bin/env bash
# Looks at a published release as its users do: the tagged commit's list, the files that it names, and where they were built.
#
#   check.sh        in a checkout of the tag
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
: "${GITHUB_REPOSITORY:?}"

fail() { printf 'check: %s\n' "$1" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[ "$(git rev-parse HEAD)" = "$(git rev-parse "v$version^{commit}")" ] || fail "this is not v$version"
[ "$(git diff --name-only HEAD~1 HEAD)" = .github/digests ] || fail "the tagged commit changes more than the list"
from=$(sed -n 's/^from \(https:[^ ]*\)$/\1/p' .github/digests)
[ "$from" = "https://github.com/$GITHUB_REPOSITORY/releases/download/v$version" ] || fail "the list leads to ${from:-nowhere}"

into=$(mktemp -d)
trap 'rm -rf -- "$into"' EXIT
seen=0
while read -r sum name; do
  curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --output "$into/$name" -- "$from/$name"
  printf '%s  %s\n' "$sum" "$into/$name" | sha256sum --check --strict --quiet || fail "$name is not what the list says"
  gh attestation verify "$into/$name" --repo "$GITHUB_REPOSITORY" \
    --signer-workflow "$GITHUB_REPOSITORY/.github/workflows/release.yml" --source-ref refs/heads/main > /dev/null ||
    fail "$name was not built by this repository's release workflow on main"
  seen=$((seen + 1))
done < <(grep -E '^[0-9a-f]{64}  rem-ci-' .github/digests)
[ "$seen" -eq 2 ] || fail "the list names $seen programs, not two"
printf 'v%s: %s programs, as listed and as attested\n' "$version" "$seen"
