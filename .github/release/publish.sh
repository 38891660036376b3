#!/usr/bin/env bash
# Writes the digests into a commit, tags it, and publishes the release with everything that belongs to it.
#
#   publish.sh FIRST SECOND        the two builds; with DRY_RUN=1 all but what leaves this machine
#
# A tag that is there already ends it: releases are never made over.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
first=${1:?the first build} second=${2:?the second build}
: "${GITHUB_REPOSITORY:?}"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
tag=v$version
if git rev-parse --quiet --verify "refs/tags/$tag" > /dev/null; then echo "publish: $tag is there already" >&2; exit 1; fi

list=$(.github/release/digests.sh "$first" "$second" "$GITHUB_REPOSITORY")
printf '%s\n' "$list" > .github/digests
.github/release/sbom.py < Cargo.lock > "$first/rem-ci-$version.cdx.json"
grep -v '^\(#\|from \)' .github/digests > "$first/SHA256SUMS"
(cd -- "$first" && sha256sum --check --strict --quiet SHA256SUMS)

git -c user.name=github-actions -c user.email=github-actions@users.noreply.github.com \
  commit --quiet --message "Release $version: digests" -- .github/digests
commit=$(git rev-parse HEAD)
[ "$(git diff --name-only HEAD~1 HEAD)" = .github/digests ]
git tag "$tag" "$commit"

notes=$(
  cat << END
Name it by its commit, which names the program too:

    - uses: $GITHUB_REPOSITORY@$commit # $tag

Where the program was built: gh attestation verify rem-ci-$version-linux-x64 --repo $GITHUB_REPOSITORY
END
)
if [ "${DRY_RUN:-}" = 1 ]; then
  printf 'would publish %s at %s with:\n' "$tag" "$commit"
  find "$first" -type f -printf '  %f\n' | sort
  exit 0
fi
gh auth setup-git
git push origin "refs/tags/$tag"
# Draft first: an immutable release takes no file after it is published.
gh release create "$tag" --verify-tag --draft --title "$tag" --notes "$notes" "$first"/*
gh release edit "$tag" --draft=false
