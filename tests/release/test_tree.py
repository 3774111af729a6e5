"""The tree of a release: rendered from this checkout, and refused when any one thing in it is off."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbt_action import OWNER, __version__
from release import tree
from release.__main__ import main
from release.facts import NO_DIGEST, PLACEHOLDER, Release, ReleaseError, image_name

ROOT = Path(__file__).resolve().parents[2]
DIGEST = f"sha256:{'ab' * 32}"
WHEEL = "cd" * 32
Tree = dict[str, bytes]
Change = Callable[[Tree], None]


def tracked() -> Tree:
    """The files of this checkout, as git would list them."""
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name: (ROOT / name).read_bytes() for name in names if name and (ROOT / name).is_file()}


def release_of(files: Tree, **fields: str) -> Release:
    lock = hashlib.sha256(files[tree.LOCK]).hexdigest()
    values = {"version": __version__, "image": image_name("acme"), "digest": DIGEST, "lock_sha256": lock}
    return Release(**{**values, "wheel_sha256": WHEEL, **fields})


@pytest.fixture(scope="module")
def named() -> Tree:
    """The checkout after its owner was named."""
    files = tracked()
    return {**files, **tree.rename(files, OWNER, "acme")}


@pytest.fixture(scope="module")
def rendered(named: Tree) -> Tree:
    url = tree.wheel_url(__version__, owner="acme")
    return tree.render(named, release_of(named), wheel_url=url, date="2026-11-26")


def test_render__is_a_tree_in_which_nothing_is_off(rendered: Tree) -> None:
    assert [] == tree.problems(rendered, tag=f"v{__version__}")


def test_render__names_the_image_by_its_digest(rendered: Tree) -> None:
    image = f"ghcr.io/acme/dbt-cloud-run-action@{DIGEST}"

    assert f"  image: docker://{image}\n" in rendered["action.yml"].decode()
    for path in ("pipe.yml", "docs/platforms.md"):
        assert image in rendered[path].decode(), path
    assert f"## {__version__} - 2026-11-26\n" in rendered["CHANGELOG.md"].decode()


def test_render__changes_nothing_but_what_users_read(named: Tree, rendered: Tree) -> None:
    changed = {path for path, content in rendered.items() if named.get(path) != content}

    assert {tree.FACTS, tree.ASSET} == set(rendered) - set(named)
    assert all(tree.COPIED.fullmatch(path) for path in changed - {tree.FACTS, tree.ASSET, tree.CHANGELOG})
    assert set(named) <= set(rendered)


def test_render__the_asset_is_what_users_install(rendered: Tree) -> None:
    lines = rendered[tree.ASSET].decode().rstrip().split("\n")

    wheel = f"dbt_cloud_run-{__version__}-py3-none-any.whl"
    address = f"https://github.com/acme/dbt-cloud-run-action/releases/download/v{__version__}/{wheel}"
    assert f"{address} --hash=sha256:{WHEEL}" == lines[-1]
    assert lines[:-1] == rendered[tree.LOCK].decode().rstrip().split("\n")


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"version": "9.9.9"}, "its version is not 9.9.9"),
        ({"version": "1"}, "`version`"),
        ({"digest": "latest"}, "`digest`"),
        ({"digest": NO_DIGEST}, "stands for none"),
        ({"image": "Acme/X"}, "`image`"),
        ({"lock_sha256": "0" * 64}, "not the lock that was tested"),
        ({"wheel_sha256": ""}, "`wheel_sha256`"),
    ],
)
def test_render__refuses_what_is_no_release(named: Tree, fields: dict[str, str], words: str) -> None:
    with pytest.raises(ReleaseError, match=words):
        tree.render(named, release_of(named, **fields), wheel_url="x", date="2026-11-26")


def replace(path: str, old: str, new: str) -> Change:
    def change(files: Tree) -> None:
        text = files[path].decode()
        assert old in text, (path, old)
        files[path] = text.replace(old, new).encode()

    return change


def fact(name: str, value: object) -> Change:
    def change(files: Tree) -> None:
        facts = {**json.loads(files[tree.FACTS]), name: value}
        files[tree.FACTS] = json.dumps(facts).encode()

    return change


def add(path: str, content: str) -> Change:
    def change(files: Tree) -> None:
        files[path] = files.get(path, b"") + content.encode()

    return change


IMAGE = f"ghcr.io/acme/dbt-cloud-run-action@{DIGEST}"
OTHER = f"ghcr.io/acme/dbt-cloud-run-action@sha256:{'9' * 64}"
# What is off, the change that makes it so, and the file that is named.
OFF: dict[str, tuple[Change, str]] = {
    "no facts": (lambda files: files.__delitem__(tree.FACTS), tree.FACTS),
    "facts of another form": (fact("more", 1), tree.FACTS),
    "version of the package": (replace(tree.PACKAGE, f'"{__version__}"', '"9.9.9"'), tree.PACKAGE),
    "version of the facts": (fact("version", "9.9.9"), tree.PACKAGE),
    "digest of the facts": (fact("digest", f"sha256:{'9' * 64}"), "action.yml"),
    "digest of the action": (replace("action.yml", IMAGE, OTHER), "action.yml"),
    "an action that is built": (replace("action.yml", f"docker://{IMAGE}", "Dockerfile"), "action.yml"),
    "digest of the pipe": (replace("pipe.yml", IMAGE, OTHER), "pipe.yml"),
    "an image by a moving tag": (
        add("docs/platforms.md", "ghcr.io/acme/dbt-cloud-run-action:v1\n"),
        "docs/platforms.md",
    ),
    "version of an example": (
        replace("examples/gitlab/on-merge.yml", f"download/v{__version__}/", "download/v0.9.0/"),
        "examples/gitlab/on-merge.yml",
    ),
    "version of a template": (
        replace("examples/azure/with-template.yml", f"refs/tags/v{__version__}", "refs/tags/v1"),
        "examples/azure/with-template.yml",
    ),
    "version of a page": (replace("README.md", f"download/v{__version__}/", "download/v0.9.0/"), "README.md"),
    "lock": (add(tree.LOCK, "evil==1\n"), tree.LOCK),
    "lock of the asset": (replace(tree.ASSET, "requests==", "requests==0"), tree.ASSET),
    "wheel": (replace(tree.ASSET, WHEEL, "9" * 64), tree.ASSET),
    "wheel of the facts": (fact("wheel_sha256", "9" * 64), tree.ASSET),
    "placeholder": (replace("README.md", "uses: acme/", f"uses: {PLACEHOLDER}/"), "README.md"),
    "placeholder in the package": (replace(tree.PACKAGE, '"acme"', f'"{PLACEHOLDER}"'), tree.PACKAGE),
    "digest that stands for none": (add("docs/platforms.md", NO_DIGEST), "docs/platforms.md"),
    "changelog without a date": (replace(tree.CHANGELOG, f"{__version__} - 2026-11-26", "Unreleased"), tree.CHANGELOG),
    "description": (replace("action.yml", "description: Run a", f"description: {'x' * 125}Run a"), "action.yml"),
    "branding": (replace("action.yml", "  color: orange\n", ""), "action.yml"),
    "two action files": (add("action.yaml", "name: x\n"), "action.yaml"),
}


@pytest.mark.parametrize("change, path", OFF.values(), ids=OFF)
def test_verify__names_the_file_that_is_off(rendered: Tree, change: Change, path: str) -> None:
    files = dict(rendered)
    change(files)

    problems = tree.problems(files)
    assert any(problem.startswith(f"{path}: ") for problem in problems), problems


def test_verify__the_tag_is_that_of_the_version(rendered: Tree) -> None:
    (problem,) = tree.problems(rendered, tag="v9.9.9")
    assert "the tag is v9.9.9" in problem


def test_owner__is_one_constant() -> None:
    """Each file that names an owner names the one of the package."""
    files = tracked()

    assert {} == tree.rename(files, "nobody-else", "acme")
    assert len(tree.rename(files, OWNER, "acme")) > 20


@pytest.mark.parametrize("owner", ["", "a b", "-x", "x--y", "x/y", "x" * 40])
def test_rename__refuses_what_cannot_be_an_owner(owner: str) -> None:
    with pytest.raises(ReleaseError, match="cannot be the owner"):
        tree.rename({}, PLACEHOLDER, owner)


def test_rename__the_registry_knows_only_lower_case() -> None:
    files = {"x.md": b"ghcr.io/org/dbt-cloud-run-action, org/dbt-cloud-run-action, @org/maintainers, forg/maintainers"}

    changed = tree.rename(files, "org", "AcMe")["x.md"].decode()
    assert (
        "ghcr.io/acme/dbt-cloud-run-action, AcMe/dbt-cloud-run-action, @AcMe/maintainers, forg/maintainers" == changed
    )


def test_command__renders_what_it_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The placeholder is the one thing that is off in the tree of a checkout whose owner was not named."""
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(b"wheel")
    out = tmp_path / "tree"
    options = ["--version", __version__, "--image", image_name(), "--digest", DIGEST, "--wheel", str(wheel)]

    assert 0 == main(["render", *options, "--out", str(out)])
    assert 1 == main(["render", *options, "--out", str(out)])
    code = main(["verify", str(out), "--tag", f"v{__version__}"])

    problems = capsys.readouterr().err
    assert "exists. Name a folder that does not" in problems
    assert (1 if OWNER == PLACEHOLDER else 0) == code
    assert all(f"still `{PLACEHOLDER}`" in line for line in problems.splitlines()[1:])
    assert (out / "entrypoint.py").stat().st_mode & 0o100


@pytest.mark.parametrize("command", [[], ["plan"], ["render"], ["verify"], ["rename"]])
def test_command__explains_itself(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "release", *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode
    assert "usage: python -m release" in done.stdout


def test_commit__has_what_differs_and_removes_nothing() -> None:
    before, after = {"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3", "c": b"\xff"}
    options = {"repository": "acme/x", "branch": "release/v1.2.3", "parent": "a" * 40, "message": "Release 1.2.3"}

    values = tree.commit_request(before, after, **options)["variables"]["input"]

    assert [{"path": "b", "contents": "Mw=="}, {"path": "c", "contents": "/w=="}] == values["fileChanges"]["additions"]
    assert {"repositoryNameWithOwner": "acme/x", "branchName": "release/v1.2.3"} == values["branch"]
    assert "a" * 40 == values["expectedHeadOid"]
    with pytest.raises(ReleaseError, match="b: the tree of the release does not have it"):
        tree.commit_request(before, {"a": b"1"}, **options)
    with pytest.raises(ReleaseError, match="nothing was rendered"):
        tree.commit_request(before, before, **options)


def test_catalog__passes_the_schema() -> None:
    path = ROOT / "templates" / "catalog" / "catalog.gitlab-ci.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(path)]

    assert 0 == subprocess.run(command, capture_output=True, check=False, timeout=60).returncode
