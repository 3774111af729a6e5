"""How the composite action is installed: what reaches pip and uv, and what is accepted; without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash") or "bash"
# What a step before may set to send packages elsewhere, to bring in others, or to have other code imported.
HOSTILE = {
    "PIP_TARGET": "/elsewhere",
    "PIP_PREFIX": "/elsewhere",
    "PIP_ROOT": "/elsewhere",
    "PIP_USER": "1",
    "PIP_PYTHON": "/bin/false",
    "PIP_REQUIREMENT": "/elsewhere/requirements.txt",
    "PIP_CONSTRAINT": "/elsewhere/constraints.txt",
    "PIP_NO_DEPS": "0",
    "PIP_REQUIRE_HASHES": "0",
    "PIP_NO_BINARY": ":all:",
    "PIP_LOG": "/elsewhere/log",
    "PIP_SOMETHING_NEW": "1",
    "UV_TARGET": "/elsewhere",
    "UV_CONFIG_FILE": "/elsewhere/uv.toml",
    "UV_PYTHON": "/bin/false",
    "UV_NO_VERIFY_HASHES": "1",
    "UV_DEFAULT_INDEX": "https://elsewhere.example/simple",
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for pip and uv are shell scripts")


@dataclass(frozen=True)
class Ended:
    """A step that has ended; what the installer was given: its environment and its arguments."""

    code: int
    log: str
    environ: Mapping[str, str]
    arguments: tuple[str, ...]
    folder: Path

    @property
    def ready(self) -> list[Path]:
        """Whether what was installed has been accepted."""
        return list((self.folder / "temp").glob("*.ready"))


Use = Callable[..., Ended]


@pytest.fixture
def use(tmp_path: Path) -> Use:
    """`use("uv", script="…", **variables)`: run the action with stand-ins for the installers."""
    tools = tmp_path / "bin"
    tools.mkdir()
    record = f'env >"{tmp_path}/environ"; printf "%s\\n" "$@" >"{tmp_path}/arguments"'
    find_target = 'while [ "$1" != --target ]; do shift; done; target=$2; mkdir -p "$target"'

    def used(installer: str, *, script: str = "", **variables: str) -> Ended:
        body = f"{record}\n{find_target}\n{script}\n"
        # Everything but pip is done by the real Python.
        _command(tools / "python3", f'case "$*" in *"-m pip"*) ;; *) exec "{sys.executable}" "$@" ;; esac\n{body}')
        if installer == "uv":
            _command(tools / "uv", body)
        environ = {
            "PATH": f"{tools}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_ACTION_PATH": str(ROOT / "composite"),
            "DBT_CLOUD_RUN_PROGRAM": "entrypoint.py",
            **variables,
        }
        (tmp_path / "temp").mkdir(exist_ok=True)
        done = subprocess.run(
            [BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", '. "$GITHUB_ACTION_PATH/run.sh"'],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (tmp_path / "environ").read_text().splitlines()
        given = dict(line.split("=", 1) for line in lines if "=" in line)
        arguments = tuple((tmp_path / "arguments").read_text().splitlines())
        return Ended(done.returncode, done.stdout + done.stderr, given, arguments, tmp_path)

    return used


def _command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    path.chmod(0o755)


INSTALLERS = pytest.mark.parametrize("installer", ["pip", "uv"])


@INSTALLERS
def test_settings__that_send_packages_elsewhere_reach_no_installer(use: Use, installer: str) -> None:
    config = {"PYTHONPATH": "/elsewhere", "PYTHONHOME": "/elsewhere"}
    ended = use(installer, **HOSTILE, **config)

    assert {} == {name: value for name, value in ended.environ.items() if "elsewhere" in value and "PYTHON" not in name}
    # This machine may have its own settings of where packages come from.
    sources = {f"PIP_{name.upper().replace('-', '_')}" for name in SOURCES} | {
        of_uv for _, of_uv, _ in SOURCES.values()
    }
    assert {"PIP_CONFIG_FILE"} == {name for name in ended.environ if name.startswith(("PIP_", "UV_"))} - sources
    assert os.devnull == ended.environ["PIP_CONFIG_FILE"]


@INSTALLERS
def test_packages__are_installed_from_the_lock_by_hash_as_wheels(use: Use, installer: str) -> None:
    ended = use(installer)
    arguments = " ".join(ended.arguments)

    assert "--require-hashes --only-binary :all: -r" in arguments
    assert str(ROOT / "composite" / "..") in arguments
    assert f"--target {ended.folder / 'temp'}" in arguments
    assert "--no-deps" in arguments
    assert ("--no-config" in arguments) if installer == "uv" else arguments.startswith("-I -m pip install")


SOURCES = {
    "index-url": ("https://index.example/simple", "UV_DEFAULT_INDEX", "https://index.example/simple"),
    "extra-index-url": ("https://a.example\n  https://b.example", "UV_INDEX", "https://a.example https://b.example"),
    "find-links": ("/wheels\n  /more", "UV_FIND_LINKS", "/wheels,/more"),
    "cert": ("/ca.pem", "SSL_CERT_FILE", "/ca.pem"),
    "client-cert": ("/client.pem", "SSL_CLIENT_CERT", "/client.pem"),
    "trusted-host": ("index.example", "UV_INSECURE_HOST", "index.example"),
    "proxy": ("http://proxy.example:3128", "ALL_PROXY", "http://proxy.example:3128"),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("section", ["global", "install"])
def test_sources__of_pips_own_files_reach_both_installers(use: Use, name: str, section: str) -> None:
    value, of_uv, expected = SOURCES[name]

    def in_files(folder: Path) -> str:
        file = folder / "pip.conf"
        file.write_text(f"[{section}]\n{name} = {value}\ntarget = /elsewhere\n", encoding="utf-8")
        return str(file)

    variable = f"PIP_{name.upper().replace('-', '_')}"
    by_pip = use("pip", PIP_CONFIG_FILE=in_files(use("pip").folder))
    assert " ".join(value.split()) == by_pip.environ[variable]
    assert "/elsewhere" not in by_pip.environ.values()

    by_uv = use("uv", PIP_CONFIG_FILE=in_files(by_pip.folder))
    assert expected == by_uv.environ[of_uv]


def test_sources__a_variable_wins_over_the_files(use: Use) -> None:
    folder = use("pip").folder
    (folder / ".config" / "pip").mkdir(parents=True)
    (folder / ".config" / "pip" / "pip.conf").write_text("[global]\nindex-url = https://of-the-file.example\n")

    assert "https://of-the-file.example" == use("pip").environ["PIP_INDEX_URL"]
    ended = use("pip", PIP_INDEX_URL="https://of-the-variable.example")
    assert "https://of-the-variable.example" == ended.environ["PIP_INDEX_URL"]


@INSTALLERS
@pytest.mark.parametrize(
    "script, problem",
    [
        pytest.param("", "nothing is installed", id="nothing"),
        pytest.param('mkdir -p "$target/requests-2.0.dist-info"', "requests 2.0 is not in the lock", id="version"),
        pytest.param('mkdir -p "$target/evil-1.0.dist-info"', "evil 1.0 is not in the lock", id="another package"),
    ],
)
def test_packages__that_are_not_those_of_the_lock_are_not_used(
    use: Use, installer: str, script: str, problem: str
) -> None:
    ended = use(installer, script=script)

    assert 2 == ended.code
    assert problem in ended.log
    assert "requests is missing" in ended.log
    assert [] == ended.ready


def test_packages__a_failed_uv_leaves_it_to_pip(use: Use) -> None:
    ended = use("uv", script="exit 1")

    assert "-I -m pip install" in " ".join(ended.arguments)
    assert 2 == ended.code
    assert "::error title=No packages for dbt Cloud Run::" in ended.log


def test_modules__of_the_working_directory_and_of_the_environment_are_not_imported(use: Use) -> None:
    """Neither by the Python that prepares, nor by the one that starts."""
    folder = use("uv").folder
    for name in ("configparser", "sitecustomize", "usercustomize", "re", "runpy", "requests"):
        (folder / f"{name}.py").write_text("print('IMPORTED', __name__)\n")

    ended = use("uv", PYTHONPATH=str(folder), PYTHONSTARTUP=str(folder / "re.py"), PYTHONUSERBASE=str(folder))

    assert "IMPORTED" not in ended.log
    assert "nothing is installed" in ended.log
