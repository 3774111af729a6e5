#!/usr/bin/env bash
# Publishes what was approved: first the package, since an upload that fails must not leave an immutable release behind.
# Needs TAG, MAJOR_TAG, COMMIT, DIST, GITHUB_REPOSITORY and GH_TOKEN.
set -euo pipefail
# Without a password twine asks GitHub who this workflow is, and the package index trusts that (trusted publishing).
python -m twine upload --non-interactive --skip-existing "$DIST"/*.whl "$DIST"/*.tar.gz
gh release edit "$TAG" --draft=false
# The tag that moves has no release of its own: releases are immutable, and so are their tags.
if gh api "repos/$GITHUB_REPOSITORY/git/ref/tags/$MAJOR_TAG" --silent 2>/dev/null; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/git/refs/tags/$MAJOR_TAG" -f "sha=$COMMIT" -F force=true --silent
else
  gh api "repos/$GITHUB_REPOSITORY/git/refs" -f "ref=refs/tags/$MAJOR_TAG" -f "sha=$COMMIT" --silent
fi
