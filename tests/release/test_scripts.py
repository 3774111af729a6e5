"""The scripts of the release's workflows; programs in place of `gh`, `docker` and `python` note how they are called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "release" / "scripts"
DIGEST = f"sha256:{'ab' * 32}"
# Notes its arguments, and answers the first call whose arguments contain one of the keys.
STUB = """\
#!/usr/bin/env python3
import json, pathlib, sys
folder = pathlib.Path(sys.argv[0]).parent
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([name, *arguments]) + "\\n")
if "-" in arguments and "--input" in arguments:
    (folder / "input").write_text(sys.stdin.read())
for key, (code, text) in json.loads((folder / "answers").read_text()).items():
    if key in " ".join([name, *arguments]):
        print(text)
        sys.exit(code)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the workflows' scripts run on Linux")


class Script:
    """Runs a script; `calls` are what it has started, as words."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder, folder / "output"
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in ("gh", "docker", "python"):
            path = self.programs / name
            path.write_text(STUB, encoding="utf-8")
            path.chmod(0o755)

    def run(
        self,
        name: str,
        variables: Mapping[str, str] = MappingProxyType({}),
        *,
        answers: dict[str, tuple[int, str]] | None = None,
        code: int = 0,
    ) -> str:
        (self.programs / "answers").write_text(json.dumps(answers or {}), encoding="utf-8")
        environ = {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_REPOSITORY": "acme/dbt-cloud-run-action",
            **variables,
        }
        done = subprocess.run(
            ["bash", str(SCRIPTS / name)], cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def calls(self) -> list[str]:
        path = self.programs / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [" ".join(json.loads(line)) for line in lines]

    @property
    def outputs(self) -> list[str]:
        return self.output.read_text(encoding="utf-8").splitlines() if self.output.exists() else []


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_scripts__are_all_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8") + (ROOT / "tests/rehearsal/conftest.py").read_text(
        encoding="utf-8"
    )

    assert [] == [path.name for path in SCRIPTS.glob("*.sh") if f'"{path.name}"' not in text]


def test_index__merges_both_platforms_and_passes_the_digest_on(script: Script) -> None:
    digests = script.folder / "digests"
    digests.mkdir()
    for name in ("1" * 64, "2" * 64):
        (digests / name).touch()
    environ = {"IMAGE": "ghcr.io/acme/x", "TAG": "v1.2.3", "DIGESTS": str(digests)}

    script.run("push_index.sh", environ, answers={"inspect": (0, DIGEST)})

    sources = [f"ghcr.io/acme/x@sha256:{number * 64}" for number in "12"]
    assert f"docker buildx imagetools create --tag ghcr.io/acme/x:v1.2.3 {' '.join(sources)}" == script.calls[0]
    assert [f"digest={DIGEST}"] == script.outputs
    assert "named no digest" in script.run("push_index.sh", environ, answers={"inspect": (0, "latest")}, code=1)
    (digests / ("1" * 64)).unlink()
    assert "Two platforms were built" in script.run("push_index.sh", environ, code=1)


def test_commit__is_made_through_the_api(script: Script) -> None:
    answers = {"release commit": (0, '{"query": "x"}'), "graphql": (0, "commit=" + "c" * 40)}
    environ = {"GITHUB_SHA": "a" * 40, "BRANCH": "release/v1.2.3", "TREE": "tree", "GH_TOKEN": "x"}

    script.run("commit_tree.sh", environ, answers=answers)

    assert f"-f ref=refs/heads/release/v1.2.3 -f sha={'a' * 40}" in script.calls[0]
    assert '{"query": "x"}' == (script.programs / "input").read_text(encoding="utf-8").strip()
    assert [f"commit={'c' * 40}"] == script.outputs


def test_draft__has_everything_with_its_checksums(script: Script) -> None:
    dist, tree = script.folder / "dist", script.folder / "tree"
    for folder, names in {dist: ("x.whl", "x.tar.gz"), tree: ("release-requirements.txt", "release.json")}.items():
        folder.mkdir()
        for name in names:
            (folder / name).write_text(name, encoding="utf-8")

    environ = {"TAG": "v1.2.3", "COMMIT": "c" * 40, "NOTES": "notes.md", "DIST": str(dist), "TREE": str(tree)}
    script.run("draft.sh", environ)

    (call,) = script.calls
    assert call.startswith(f"gh release create v1.2.3 --draft --target {'c' * 40} --title v1.2.3 --notes-file notes.md")
    sums = (dist / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert ["release.json", "requirements.txt", "x.tar.gz", "x.whl"] == [line.split()[1] for line in sums]
    assert all(f"{dist}/{name}" in call for name in ("SHA256SUMS", "requirements.txt", "x.whl"))


PUBLISH = {"TAG": "v1.2.3", "MAJOR_TAG": "v1", "COMMIT": "c" * 40, "DIST": "dist", "GH_TOKEN": "x"}


@pytest.mark.parametrize("exists", [True, False])
def test_publish__first_the_package_then_the_release_then_the_tag(script: Script, *, exists: bool) -> None:
    script.run("publish.sh", PUBLISH, answers={} if exists else {"git/ref/tags/v1": (1, "")})

    assert script.calls[0].startswith("python -m twine upload --non-interactive --skip-existing dist/")
    assert "gh release edit v1.2.3 --draft=false" == script.calls[1]
    assert ("--method PATCH" in script.calls[-1]) is exists
    assert f"sha={'c' * 40}" in script.calls[-1]


def test_publish__a_failed_upload_publishes_nothing(script: Script) -> None:
    script.run("publish.sh", PUBLISH, answers={"twine": (1, "no")}, code=1)

    assert 1 == len(script.calls)


@pytest.mark.parametrize(
    "tag, code, outputs", [("v1.2.3", 0, ["tag=v1.2.3"]), ("", 0, []), ("nightly", 1, [])], ids=["one", "none", "odd"]
)
def test_newest__names_the_newest_release(script: Script, tag: str, code: int, outputs: list[str]) -> None:
    printed = script.run("newest.sh", answers={"release list": (0, tag)}, code=code)

    assert outputs == script.outputs
    assert ("There is no release yet" in printed) is (tag == "")


def test_check_released__compares_image_package_and_tags(script: Script) -> None:
    wheel = script.programs / "wheel"
    wheel.write_bytes(b"wheel")
    answers = {
        "version": (0, "1.2.3"),
        "json.load(open": (0, DIGEST),
        "commits/v1.2.3": (0, "c" * 40),
        "commits/v1 ": (0, "d" * 40),
    }
    # The package is not the one of the release: nothing was downloaded under its name.
    script.run("check_released.sh", {"TAG": "v1.2.3", "GH_TOKEN": "x"}, answers=answers, code=1)

    assert "python -m release verify . --tag v1.2.3" == script.calls[0]
    assert any("pip download" in call and "dbt-cloud-run==1.2.3" in call for call in script.calls)
    assert any(call.startswith("docker buildx imagetools inspect") for call in script.calls)


def test_start_emulator__passes_its_outputs_on(script: Script) -> None:
    (script.folder / "ready.txt").write_text("url=http://127.0.0.1:1\n", encoding="utf-8")

    script.run("start_emulator.sh")

    assert ["url=http://127.0.0.1:1"] == script.outputs
    assert shutil.which("bash")


def test_build_dist__is_refused_when_two_builds_differ(script: Script) -> None:
    """Here no build makes anything, so the folders are compared as they are: one is missing."""
    for arguments in (
        ["init", "--quiet"],
        ["-c", "user.name=x", "-c", "user.email=x", "commit", "--allow-empty", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=script.folder, check=True)

    script.run("build_dist.sh", {"DIST": "missing", "SBOM_PYTHON": "python"}, code=2)

    assert 2 == len([call for call in script.calls if "hatchling build" in call])
    assert [] == [call for call in script.calls if "twine" in call]
