#!/usr/bin/env bash
# Merges the images of all platforms to one, and names it by the tag of the release.
# Needs IMAGE, TAG, and DIGESTS: a folder with one empty file for each image, called like its digest without `sha256:`.
set -euo pipefail
sources=()
for path in "$DIGESTS"/*; do
  sources+=("$IMAGE@sha256:$(basename "$path")")
done
[ "${#sources[@]}" -eq 2 ] || { echo "Two platforms were built, but there are ${#sources[@]} digests in $DIGESTS." >&2; exit 1; }
docker buildx imagetools create --tag "$IMAGE:$TAG" "${sources[@]}"
digest=$(docker buildx imagetools inspect "$IMAGE:$TAG" --format '{{.Manifest.Digest}}')
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "The registry named no digest, but: $digest" >&2; exit 1; }
echo "digest=$digest" >>"$GITHUB_OUTPUT"
