#!/usr/bin/env bash
# Names the newest release, its tag and its commit; nothing, with a notice, as long as there is none.
# Needs GITHUB_REPOSITORY and GH_TOKEN.
set -euo pipefail
tag=$(gh release list --repo "$GITHUB_REPOSITORY" --exclude-drafts --exclude-pre-releases --limit 1 --json tagName --jq '.[].tagName')
if [ -z "$tag" ]; then
  echo "::notice::There is no release yet, so there is nothing to verify."
  exit 0
fi
[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "The newest release is called $tag, which is no version." >&2; exit 1; }
echo "tag=$tag" >>"$GITHUB_OUTPUT"
