# shellcheck shell=bash
# Runs the composite action: finds Python, installs the locked packages once per job, replaces this shell with Python.
# Has to work when sourced by bash 3.2 (macOS) and by the bash of Git for Windows.
set -euo pipefail

# A cancellation while packages are being installed ends the step before it starts a run.
trap 'exit 130' INT TERM

# Unset what would make pip install to another folder or other packages; settings of the index and certificates stay.
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT PIP_NO_DEPS PIP_DRY_RUN PIP_NO_BINARY
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

root=$GITHUB_ACTION_PATH/..

find_python() {
    local name
    for name in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
        # Importing venv also rules out the placeholder of the Windows Store and a Debian Python without python3-venv.
        if "$name" -I -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "::error title=No Python for dbt Cloud Run::No Python 3.10 or newer (with its venv module) was found" \
        "on this runner. Add a step with actions/setup-python before this one, or use the Docker action," \
        "which brings its own Python." >&2
    return 2
}

# The name depends on the lock file and the Python, so a second use of the action in the same job reuses the folder.
name_environment() {
    "$python" -I -c 'import hashlib, sys
with open(sys.argv[1], "rb") as lock:
    key = hashlib.sha256(lock.read() + sys.version.encode() + sys.executable.encode())
print("dbt-cloud-run-" + key.hexdigest()[:16], end="")' "$root/requirements.txt"
}

python_of() {
    if [ -e "$1/Scripts/python.exe" ]; then echo "$1/Scripts/python.exe"; else echo "$1/bin/python"; fi
}

install() {
    "$python" -I -m venv --clear "$1" &&
        "$(python_of "$1")" -I -m pip install --require-hashes --only-binary :all: -r "$root/requirements.txt"
}

python=$(find_python)
environment=$RUNNER_TEMP/$(name_environment)
if [ ! -e "$environment/ready" ]; then
    echo "Installing the action's Python packages"
    install "$environment" >"$environment.log" 2>&1 || {
        cat "$environment.log"
        echo "::error title=No packages for dbt Cloud Run::The action's Python packages could not be installed;" \
            "the log of this step shows why. Usually the package index cannot be reached from this runner." \
            "Set PIP_INDEX_URL to an index that can, or use the Docker action."
        exit 2
    }
    touch "$environment/ready"
fi

# -E and -s: ignore PYTHON* variables of the workflow and packages of the user.
exec "$(python_of "$environment")" -Esu "$root/$DBT_CLOUD_RUN_PROGRAM"
