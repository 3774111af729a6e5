#!/usr/bin/env bash
# Builds wheel and sdist into DIST twice, and fails when the two differ: then nobody could build them again to compare.
# Needs DIST, and SBOM_PYTHON: the Python of an environment with requirements-sbom.txt, which lists what the lock contains.
set -euo pipefail
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
again=$(mktemp -d)
python -m hatchling build -d "$DIST"
python -m hatchling build -d "$again"
diff -r "$DIST" "$again"
python -m twine check --strict "$DIST"/*
python -m check_wheel_contents "$DIST"/*.whl
"$SBOM_PYTHON" -m cyclonedx_py requirements requirements.txt --output-reproducible --output-format JSON -o "$DIST/sbom.cdx.json"
