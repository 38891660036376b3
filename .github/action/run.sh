#!/usr/bin/env bash
# What action.yml runs: gets the program of this very version of the action, looks at every byte of it, and becomes it.
#
# The digests stand beside this file (.github/digests), so a workflow that names the action by a commit has named the program too. Inputs come in by
# variables and are not looked at here.
set -euo pipefail
umask 077

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
digests=$here/.github/digests
# No release is larger; a server that sends more is not sending one.
readonly most=$((64 * 1024 * 1024))

# Ends the step with one line that the log shows as an error. The words are ours: nothing of the inputs is in them.
refuse() {
  printf '::error title=rem-ci::%s\n' "$1"
  exit "${2:-1}"
}

folder=
tidy() { [ -z "$folder" ] || rm -rf -- "$folder"; }
trap tidy EXIT

case $(uname -s)-$(uname -m) in
  Linux-x86_64) arch=x64 ;;
  Linux-aarch64 | Linux-arm64) arch=arm64 ;;
  *) refuse "there is a program for Linux on x64 and arm64, and none for this runner ($(uname -sm))" 64 ;;
esac
version=$(sed -n 's/^version = "\([0-9A-Za-z.+-]*\)"$/\1/p' "$here/Cargo.toml" | head -n 1)
[ -n "$version" ] || refuse "the action's Cargo.toml names no version"
name=rem-ci-$version-linux-$arch

# The digest of a name in the list; nothing if it is not there, or there twice.
listed() {
  awk -v name="$1" '!/^#/ && NF == 2 && $2 == name && length($1) == 64 && $1 !~ /[^0-9a-f]/ { n++; sum = $1 } END { if (n == 1) print sum }' \
    "$digests" 2> /dev/null || true
}

# One address, of the list itself: by https, or this machine's own (tests).
source_of() {
  sed -n 's/^from \(https:\/\/[0-9A-Za-z._\/:+-]*\|http:\/\/127\.0\.0\.1:[0-9]*[0-9A-Za-z._\/-]*\)$/\1/p' "$digests" | head -n 1
}

download() {
  local from=$1 into=$2 schemes='=https' status=0
  case $from in http://127.0.0.1:*) schemes='=http' ;; esac
  # The limits of the shell hold where a server does not say how long its answer is.
  (
    ulimit -f $((most / 1024))
    exec curl --disable --fail --silent --show-error --location --proto "$schemes" --proto-redir "$schemes" --max-redirs 5 \
      --connect-timeout 10 --max-time 300 --retry 4 --retry-connrefused --max-filesize "$most" --output "$into" -- "$from"
  ) || status=$?
  [ "$status" -eq 0 ] || refuse "the program of this version ($name) could not be fetched: curl ended with $status"
}

# A private copy of the released program in $folder, checked. A copy that an administrator has put on the runner is as good as a download:
# nobody is believed but the digest.
released() {
  local wanted=$1 kept=${RUNNER_TOOL_CACHE:-/nonexistent}/rem-ci/$version/$arch/rem-ci from
  if [ -f "$kept" ]; then
    head -c "$((most + 1))" -- "$kept" > "$folder/rem-ci"
  else
    from=$(source_of)
    [ -n "$from" ] || refuse "the action's list of digests names no place to fetch from"
    download "$from/$name" "$folder/rem-ci"
  fi
  # From here on the file has no name: nobody can put another in its place, and one that is open for writing does not start.
  chmod 500 "$folder/rem-ci"
  exec {program}< "$folder/rem-ci"
  rm -rf -- "$folder"
  folder=
  local seen
  seen=$(sha256sum < "/proc/self/fd/$program") || refuse "the program cannot be read"
  [ "${seen%% *}" = "$wanted" ] ||
    refuse "refused: the program is not the one of this version of the action ($name is ${seen%% *}, not $wanted)"
  run=/proc/self/fd/$program
}

# Before there is a release, or where the action's own folder was changed: built here. Whatever is built may be anybody's code, so never
# beside what can become a role.
built() {
  if [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
    refuse "refused: there is no release of rem-ci $version to run, and building it beside an identity token would let whatever is built have \
its roles. Name the action by the commit of a release: uses: OWNER/rem-ci@SHA" 4
  fi
  command -v cargo > /dev/null || refuse "there is no release of rem-ci $version, and no cargo to build it with"
  printf '::notice title=rem-ci::there is no release of rem-ci %s for this: it is built from source, which takes some minutes\n' "$version"
  local target=${CARGO_TARGET_DIR:-${RUNNER_TEMP:-/tmp}/rem-ci-target}
  (cd -- "$here" && CARGO_TARGET_DIR=$target cargo build --quiet --release --locked) || refuse "rem-ci could not be built from source"
  run=$target/release/rem-ci
}

wanted=$(listed "$name")
if [ -n "$wanted" ]; then
  folder=$(mktemp -d -- "${RUNNER_TEMP:-/tmp}/rem-ci-XXXXXXXXXXXX")
  released "$wanted"
else
  built
fi
# No more use for it from here on; the program needs none of these.
trap - EXIT
unset REM_CI_ACTION_PATH

# Into the folder that was asked for, within the checkout. Nobody else's words here: they would repeat the input.
case /${REM_CI_WORKING_DIRECTORY:-.}/ in
  //* | */../*) refuse "working-directory leaves the checkout" 64 ;;
esac
cd -- "./${REM_CI_WORKING_DIRECTORY:-.}" 2> /dev/null || refuse "working-directory is no folder of this checkout" 64

exec "$run" action
