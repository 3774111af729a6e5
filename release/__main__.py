"""The command `python -m release`: reads and writes files, calls git, and leaves all decisions to the other modules."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dbt_action import OWNER, __version__
from release import plan, tree
from release.facts import PLACEHOLDER, Release, ReleaseError, image_name

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it succeeded, 1 when the release cannot go on."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ReleaseError as error:
        for problem in error.problems:
            sys.stderr.write(f"- {problem}\n")
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description="Plans, renders and verifies a release.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    planned = commands.add_parser("plan", help="say what would be released, and whether it can be")
    planned.add_argument("--notes", type=Path, metavar="FILE", help="write the changelog of this version there")
    planned.set_defaults(run=_plan)

    rendered = commands.add_parser("render", help="write the tree of a release to a new folder")
    rendered.add_argument("--version", required=True, help="the version, as in dbt_action/__init__.py")
    rendered.add_argument("--image", required=True, help="name of the image, such as ghcr.io/owner/name")
    rendered.add_argument("--digest", required=True, help="digest of the image, sha256:…")
    rendered.add_argument("--wheel", required=True, type=Path, help="our wheel, for its SHA-256")
    rendered.add_argument("--out", required=True, type=Path, metavar="DIR", help="a folder that does not exist yet")
    rendered.add_argument("--date", default="", help="date of the changelog (today)")
    rendered.set_defaults(run=_render)

    verified = commands.add_parser(
        "verify", help="say what is off in the tree of a release; needs no git and no network"
    )
    verified.add_argument("tree", type=Path, metavar="TREE")
    verified.add_argument("--tag", default="", help="the tag that the tree has or will have")
    verified.set_defaults(run=_verify)

    committed = commands.add_parser("commit", help="print the request that commits a tree through GitHub's API")
    committed.add_argument("--tree", required=True, type=Path, help="the tree of the release")
    committed.add_argument("--repository", required=True, help="owner/name")
    committed.add_argument("--branch", required=True, help="a branch that has the commit `--parent`")
    committed.add_argument("--parent", required=True, help="the commit of this checkout")
    committed.set_defaults(run=_commit)

    renamed = commands.add_parser("rename", help="put the owner of the repository into every file, once")
    renamed.add_argument("owner", metavar="OWNER")
    renamed.set_defaults(run=_rename)
    return parser


def _plan(options: argparse.Namespace) -> int:
    changelog = (ROOT / tree.CHANGELOG).read_text(encoding="utf-8")
    made = plan.make(changelog, __version__, _git("tag", "--list").split())
    values = {
        "version": made.version,
        "tag": made.tag,
        "major-tag": made.major_tag,
        "bump": made.bump,
        "image": image_name(),
    }
    for name, value in values.items():
        sys.stdout.write(f"{name:10} {value}\n")
    sys.stdout.write(f"\n{made.notes}\n")
    if options.notes:
        options.notes.write_text(f"{made.notes}\n", encoding="utf-8")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())
    return 0


def _render(options: argparse.Namespace) -> int:
    if options.out.exists():
        raise ReleaseError(f"{options.out} exists. Name a folder that does not, so that nothing else gets into it.")
    tracked = [name for name in _git("ls-files", "-z").split("\0") if name]
    files = {name: (ROOT / name).read_bytes() for name in tracked}
    release = Release(
        version=options.version,
        image=options.image,
        digest=options.digest,
        lock_sha256=hashlib.sha256(files[tree.LOCK]).hexdigest(),
        wheel_sha256=hashlib.sha256(options.wheel.read_bytes()).hexdigest(),
    )
    date = options.date or dt.datetime.now(tz=dt.timezone.utc).date().isoformat()
    url = tree.wheel_url(release.version, owner=OWNER)
    rendered = tree.render(files, release, wheel_url=url, date=date)
    for name, content in rendered.items():
        path = options.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if name in files:
            shutil.copymode(ROOT / name, path)
    sys.stdout.write(f"{len(rendered)} files of {release.version} in {options.out}; image {release.pinned_image}\n")
    return 0


def _verify(options: argparse.Namespace) -> int:
    if not options.tree.is_dir():
        raise ReleaseError(f"{options.tree} is not a folder.")
    files = _files(options.tree)
    if problems := tree.problems(files, tag=options.tag):
        raise ReleaseError(*problems)
    sys.stdout.write(f"{options.tree}: {len(files)} files, nothing is off.\n")
    return 0


def _commit(options: argparse.Namespace) -> int:
    tracked = {name: (ROOT / name).read_bytes() for name in _git("ls-files", "-z").split("\0") if name}
    request = tree.commit_request(
        tracked,
        _files(options.tree),
        repository=options.repository,
        branch=options.branch,
        parent=options.parent,
        message=f"Release {__version__}",
    )
    sys.stdout.write(f"{json.dumps(request)}\n")
    return 0


def _files(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their paths, without those of git."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def _rename(options: argparse.Namespace) -> int:
    if OWNER != PLACEHOLDER:
        raise ReleaseError(f"dbt_action/__init__.py: the owner is {OWNER} already; this is done once.")
    tracked = [name for name in _git("ls-files", "-z").split("\0") if name]
    changed = tree.rename({name: (ROOT / name).read_bytes() for name in tracked}, OWNER, options.owner)
    for name, content in changed.items():
        (ROOT / name).write_bytes(content)
    sys.stdout.write(f"{len(changed)} files name {options.owner} now. Look at `git diff`, and commit it.\n")
    return 0


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
