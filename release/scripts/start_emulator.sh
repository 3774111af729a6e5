#!/usr/bin/env bash
# Starts the emulated dbt Cloud in the background, and passes its address, token and jobs on as outputs.
set -euo pipefail
python -m tests.e2e.serve ready.txt >serve.log 2>&1 &
for _ in $(seq 60); do
  [ -e ready.txt ] && break
  sleep 1
done
cat ready.txt >>"$GITHUB_OUTPUT" || { cat serve.log >&2; exit 1; }
