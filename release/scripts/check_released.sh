#!/usr/bin/env bash
# Compares a released tree, the current folder, with what users get: image, package and the tag that moves.
# Needs TAG, GITHUB_REPOSITORY and GH_TOKEN.
set -euo pipefail
python -m release verify . --tag "$TAG"
fact() { python -c 'import json, sys; print(json.load(open("release.json"))[sys.argv[1]])' "$1"; }
version=$(fact version)
docker buildx imagetools inspect "$(fact image)@$(fact digest)" >/dev/null
downloads=$(mktemp -d)
python -m pip download --quiet --no-deps --only-binary :all: -d "$downloads" "dbt-cloud-run==$version"
echo "$(fact wheel_sha256)  $downloads/dbt_cloud_run-$version-py3-none-any.whl" | sha256sum --check --quiet
of_tag() { gh api "repos/$GITHUB_REPOSITORY/commits/$1" --jq .sha; }
if [ "$(of_tag "$TAG")" != "$(of_tag "${TAG%%.*}")" ]; then
  echo "The tag ${TAG%%.*} does not lead to $TAG, the newest release." >&2
  exit 1
fi
