#!/usr/bin/env bash
# Checks what was built and prints the list of digests that the action believes, as .github/digests holds it.
#
#   digests.sh FOLDER ONCE-MORE REPOSITORY > .github/digests
#
# FOLDER and ONCE-MORE hold the same release, built twice by two machines from one commit. A byte of difference ends it here: what cannot be
# built again cannot be checked by anybody.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
one=${1:?a folder} other=${2:?the folder of the second build} repository=${3:?OWNER/REPO}
# DESIGN's bar for the static binary, in MiB.
readonly most=25

fail() { printf 'digests: %s\n' "$1" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$ ]] || fail "Cargo.toml's version is $version"
[[ $repository =~ ^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$ ]] || fail "$repository is no repository"

list=
for arch in x64 arm64; do
  name=rem-ci-$version-linux-$arch
  for folder in "$one" "$other"; do
    [ -f "$folder/$name" ] || fail "$folder holds no $name"
  done
  cmp -s -- "$one/$name" "$other/$name" || fail "$name came out differently the second time"
  [ "$(head -c 4 -- "$one/$name" | od -An -tx1 | tr -d ' ')" = 7f454c46 ] || fail "$name is no program"
  if readelf -lW -- "$one/$name" 2> /dev/null | grep -q 'INTERP'; then fail "$name wants libraries of the machine it runs on"; fi
  [ "$(stat -c %s -- "$one/$name")" -le $((most * 1024 * 1024)) ] || fail "$name is larger than $most MiB"
  sum=$(sha256sum < "$one/$name")
  list+="${sum%% *}  $name"$'\n'
done
for folder in "$one" "$other"; do
  extra=$(find "$folder" -type f ! -name "rem-ci-$version-linux-x64" ! -name "rem-ci-$version-linux-arm64" -printf '%f ')
  [ -z "$extra" ] || fail "$folder also holds $extra"
done

printf '# Which program this version of the action runs: where it is from, and what its bytes are. Written by release.yml.\n'
printf 'from https://github.com/%s/releases/download/v%s\n' "$repository" "$version"
printf '%s' "$list"
