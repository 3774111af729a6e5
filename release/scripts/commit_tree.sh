#!/usr/bin/env bash
# Commits the rendered tree to a new branch through GitHub's API, so that GitHub signs the commit.
# Needs GITHUB_REPOSITORY, GITHUB_SHA, BRANCH, TREE and GH_TOKEN.
set -euo pipefail
gh api "repos/$GITHUB_REPOSITORY/git/refs" -f "ref=refs/heads/$BRANCH" -f "sha=$GITHUB_SHA" --silent
python -m release commit --tree "$TREE" --repository "$GITHUB_REPOSITORY" --branch "$BRANCH" --parent "$GITHUB_SHA" \
  | gh api graphql --input - --jq '"commit=" + .data.createCommitOnBranch.commit.oid' >>"$GITHUB_OUTPUT"
