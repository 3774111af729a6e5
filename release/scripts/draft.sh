#!/usr/bin/env bash
# Makes the draft of the release with everything that belongs to it. A draft has no tag yet, and can be deleted.
# Needs TAG, COMMIT, NOTES, DIST, TREE and GH_TOKEN.
set -euo pipefail
cp "$TREE/release-requirements.txt" "$DIST/requirements.txt"
cp "$TREE/release.json" "$DIST/release.json"
(cd "$DIST" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
gh release create "$TAG" --draft --target "$COMMIT" --title "$TAG" --notes-file "$NOTES" "$DIST"/*
