# shellcheck shell=bash
# Runs the composite action: finds Python, installs the locked packages once per job, replaces this shell with Python.
# Has to work when sourced by bash 3.2 (macOS) and by the bash of Git for Windows.
set -euo pipefail

# A cancellation while packages are being installed ends the step before it starts a run.
trap 'exit 130' INT TERM

here=$GITHUB_ACTION_PATH
uv=$(command -v uv || true)

# The first Python that will do, and the lines of prepare.py about it.
find_python() {
    local name
    for name in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
        # Running it also rules out the placeholder of the Windows Store.
        if lines=$("$name" -I "$here/prepare.py" ${uv:+uv} 2>/dev/null); then
            python=$name
            return
        fi
    done
    echo "::error title=No Python for dbt Cloud Run::No Python 3.10 or newer with pip was found on this runner" \
        "(uv may take the place of pip). Add a step with actions/setup-python before this one, or use the Docker" \
        "action, which brings its own Python." >&2
    exit 2
}

# Only settings that say where packages come from reach pip and uv: any other could send packages elsewhere, or make
# them import other code.
keep_only_sources() {
    local variable line
    for variable in "${!PIP_@}" "${!UV_@}"; do unset "$variable"; done
    while IFS= read -r line; do
        case $line in
        folder=*) packages=$RUNNER_TEMP/${line#folder=} ;;
        *=*) export "${line%%=*}=${line#*=}" ;;
        esac
    done <<<"$(printf '%s' "${lines//$'\r'/}")"
}

install_with_uv() {
    (
        # The same settings under the names that uv has for them.
        [ -z "${PIP_INDEX_URL-}" ] || export UV_DEFAULT_INDEX=$PIP_INDEX_URL
        [ -z "${PIP_EXTRA_INDEX_URL-}" ] || export UV_INDEX=$PIP_EXTRA_INDEX_URL
        [ -z "${PIP_FIND_LINKS-}" ] || export UV_FIND_LINKS=${PIP_FIND_LINKS// /,}
        [ -z "${PIP_TRUSTED_HOST-}" ] || export UV_INSECURE_HOST=$PIP_TRUSTED_HOST
        [ -z "${PIP_CERT-}" ] || export SSL_CERT_FILE=$PIP_CERT
        [ -z "${PIP_CLIENT_CERT-}" ] || export SSL_CLIENT_CERT=$PIP_CLIENT_CERT
        [ -z "${PIP_PROXY-}" ] || export ALL_PROXY=$PIP_PROXY
        # Whichever index has a file: its hash decides.
        "$uv" pip install --no-config --no-cache --python "$python" --index-strategy unsafe-best-match "${what[@]}"
    )
}

install_with_pip() {
    "$python" -I -m pip install --disable-pip-version-check --no-input --no-cache-dir --no-compile \
        --root-user-action ignore --progress-bar off "${what[@]}"
}

install() {
    rm -rf "$packages"
    # The lock is complete, so nothing has to be resolved.
    local what=(--target "$packages" --no-deps --require-hashes --only-binary :all: -r "$here/../requirements.txt")
    if [ -n "$uv" ]; then install_with_uv || install_with_pip; else install_with_pip; fi
}

find_python
keep_only_sources
if [ ! -e "$packages.ready" ]; then
    echo "Installing the action's Python packages"
    install >"$packages.log" 2>&1 || {
        cat "$packages.log"
        echo "::error title=No packages for dbt Cloud Run::The action's Python packages could not be installed;" \
            "the log of this step shows why. Usually the package index cannot be reached from this runner." \
            "Set PIP_INDEX_URL to an index that can, or use the Docker action."
        exit 2
    }
fi

# -I and -S: nothing but Python's own library; start.py adds the packages.
exec "$python" -ISu "$here/start.py" "$packages" "$DBT_CLOUD_RUN_PROGRAM"
