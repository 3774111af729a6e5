"""The files of a release: rendered from those of the checkout, and verified again. Pure: files are a mapping.

Keys are paths with slashes from the root, values are the bytes of the files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from release import plan
from release.facts import (
    DIGEST,
    IMAGE_NAME,
    NO_DIGEST,
    PLACEHOLDER,
    REPOSITORY,
    SHA256,
    VERSION,
    Release,
    ReleaseError,
    asset,
    requirements,
    wheel_name,
)

Files = Mapping[str, bytes]

FACTS = "release.json"
# The asset `requirements.txt` of the release: the lock, and our wheel with its hash.
ASSET = "release-requirements.txt"
LOCK, PACKAGE, ACTION, CHANGELOG = "requirements.txt", "dbt_action/__init__.py", "action.yml", "CHANGELOG.md"
# What users copy or read; everything else is code.
COPIED = re.compile(r"README\.md|action\.yml|pipe\.yml|(?:docs|examples|templates)/.*\.(?:md|yml|sql)")
# These speak of the placeholder because they are about it.
_EXEMPT = ("release/", "tests/release/")
# In a name such as `org/…`, `@org/maintainers` or `ghcr.io/org/…`.
_OWNER = r"(?<![\w-]){}(?=/(?:" + re.escape(REPOSITORY) + r"|maintainers)\b)"
_USER = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
_PINNED = re.compile(rf"(?P<name>{IMAGE_NAME.pattern})@(?P<digest>{DIGEST.pattern})")
_DOWNLOAD = re.compile(rf"/{re.escape(REPOSITORY)}/releases/download/v(?P<version>[^/\s\"'`]+)/")
# The templates of Azure Pipelines and GitLab, and GitLab's component, by a tag.
_TAG = re.compile(r"(?P<place>refs/tags/|/dbt-cloud-run@)v(?P<version>\d[\w.-]*)")
_IMAGE_LINE = re.compile(r"^(?P<indent>\s+)image: *(?P<image>\S+)$", re.MULTILINE)
_MAX_DESCRIPTION = 125


def render(files: Files, release: Release, *, wheel_url: str, date: str) -> dict[str, bytes]:
    """The tree of the release. `date` is that of the changelog, `wheel_url` where our wheel will be.

    Raises ReleaseError when the checkout is not that version, or the values are no values of a release.
    """
    problems = [*_value_problems(release), *_version_problems(files, release.version)]
    if release.lock_sha256 != _sha256(files.get(LOCK, b"")):
        problems.append(f"{LOCK}: it is not the lock that was tested.")
    if problems:
        raise ReleaseError(*problems)
    rendered = {path: _rendered(path, content, release) for path, content in files.items()}
    action = rendered[ACTION].decode()
    rendered[ACTION] = _IMAGE_LINE.sub(rf"\g<indent>image: docker://{release.pinned_image}", action, count=1).encode()
    changelog = rendered[CHANGELOG].decode()
    rendered[CHANGELOG] = changelog.replace(f"## {plan.UNRELEASED}\n", f"## {release.version} - {date}\n", 1).encode()
    lock = files[LOCK].decode()
    rendered[ASSET] = requirements(lock, wheel=wheel_url, sha256=release.wheel_sha256).encode()
    rendered[FACTS] = f"{json.dumps(asdict(release), indent=2)}\n".encode()
    return rendered


def _rendered(path: str, content: bytes, release: Release) -> bytes:
    if not COPIED.fullmatch(path):
        return content
    text = _PINNED.sub(lambda found: _ours(found, release), content.decode())
    text = _DOWNLOAD.sub(f"/{REPOSITORY}/releases/download/v{release.version}/", text)
    return _TAG.sub(rf"\g<place>v{release.version}", text).encode()


def _ours(found: re.Match[str], release: Release) -> str:
    """The image of the release in the place of our own one; other images stay."""
    return release.pinned_image if found["name"].endswith(f"/{REPOSITORY}") else found[0]


_COMMIT = """\
mutation($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}"""


def commit_request(
    before: Files, after: Files, *, repository: str, branch: str, parent: str, message: str
) -> dict[str, Any]:
    """The request to GitHub's GraphQL API for a commit of what differs; GitHub signs a commit that is made so.

    Raises ReleaseError when nothing differs, or when the commit would remove files.
    """
    if removed := sorted(set(before) - set(after)):
        raise ReleaseError(*(f"{path}: the tree of the release does not have it." for path in removed))
    additions = [
        {"path": path, "contents": base64.b64encode(content).decode()}
        for path, content in sorted(after.items())
        if before.get(path) != content
    ]
    if not additions:
        raise ReleaseError("The tree is the checkout itself: nothing was rendered.")
    target = {"repositoryNameWithOwner": repository, "branchName": branch}
    values = {
        "branch": target,
        "expectedHeadOid": parent,
        "message": {"headline": message},
        "fileChanges": {"additions": additions},
    }
    return {"query": _COMMIT, "variables": {"input": values}}


def rename(files: Files, old: str, new: str) -> dict[str, bytes]:
    """The files that change when the owner does. Raises ReleaseError for what cannot be the name of an owner."""
    if not _USER.fullmatch(new):
        raise ReleaseError(f"{new!r} cannot be the owner: GitHub's names have letters, digits and single hyphens.")
    names = re.compile(rf"(?P<registry>ghcr\.io/)?{_OWNER.format(re.escape(old))}")
    changed = {}
    for path, content in _texts(files):
        if path.startswith(_EXEMPT):
            continue
        text = names.sub(lambda found: f"{found[1]}{new.lower()}" if found[1] else new, content)
        if path == PACKAGE:
            text = text.replace(f'OWNER = "{old}"', f'OWNER = "{new}"')
        if text != content:
            changed[path] = text.encode()
    return changed


def problems(files: Files, *, tag: str = "") -> list[str]:
    """Everything that is off in the tree of a release, each with its file; empty when all is well."""
    try:
        facts = json.loads(files.get(FACTS, b""))
        release = Release(**facts) if set(facts) == {item.name for item in fields(Release)} else None
    except (ValueError, TypeError):
        release = None
    if release is None:
        return [f"{FACTS}: missing, or not as `python -m release render` writes it."]
    found = [*_value_problems(release), *_version_problems(files, release.version)]
    if tag and tag != f"v{release.version}":
        found.append(f"{FACTS}: the version is {release.version}, but the tag is {tag}.")
    found += [
        *_image_problems(files, release),
        *_download_problems(files, release),
        *_lock_problems(files, release),
        *_placeholder_problems(files),
        *_marketplace_problems(files),
    ]
    title, _ = plan.newest_section(files.get(CHANGELOG, b"").decode())
    if not re.fullmatch(rf"{re.escape(release.version)} - \d{{4}}-\d\d-\d\d", title):
        found.append(f"{CHANGELOG}: the first section is {title!r}, not the dated one of {release.version}.")
    return found


def _value_problems(release: Release) -> Iterator[str]:
    rules: tuple[tuple[str, re.Pattern[str]], ...] = (
        ("version", VERSION),
        ("image", IMAGE_NAME),
        ("digest", DIGEST),
        ("lock_sha256", SHA256),
        ("wheel_sha256", SHA256),
    )
    for name, pattern in rules:
        value = getattr(release, name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield f"{FACTS}: `{name}` is {value!r}, which is not of the form {pattern.pattern}."
    if release.digest == NO_DIGEST:
        yield f"{FACTS}: the digest is the one that stands for none."


def _version_problems(files: Files, version: str) -> Iterator[str]:
    if f'__version__ = "{version}"' not in files.get(PACKAGE, b"").decode():
        yield f"{PACKAGE}: its version is not {version}."


def _image_problems(files: Files, release: Release) -> Iterator[str]:
    line = _IMAGE_LINE.search(files.get(ACTION, b"").decode())
    if line is None or line["image"] != f"docker://{release.pinned_image}":
        yield f"{ACTION}: the image is {line['image'] if line else 'missing'}, not docker://{release.pinned_image}."
    for path, text in _texts(files):
        if COPIED.fullmatch(path) and path != ACTION:
            images = {found[0] for found in _PINNED.finditer(text) if found["name"].endswith(f"/{REPOSITORY}")}
            for image in sorted(images - {release.pinned_image}):
                yield f"{path}: it names the image {image}, not {release.pinned_image}."
            if re.search(rf"ghcr\.io/[\w.-]+/{re.escape(REPOSITORY)}(?!@|[\w-])", text):
                yield f"{path}: it names the image without a digest."


def _download_problems(files: Files, release: Release) -> Iterator[str]:
    for path, text in _texts(files):
        if COPIED.fullmatch(path):
            named = {found["version"] for pattern in (_DOWNLOAD, _TAG) for found in pattern.finditer(text)}
            for version in sorted(named - {release.version}):
                yield f"{path}: it installs version {version}, not {release.version}."


def _lock_problems(files: Files, release: Release) -> Iterator[str]:
    lock = files.get(LOCK, b"")
    if _sha256(lock) != release.lock_sha256:
        yield f"{LOCK}: its SHA-256 is not that of {FACTS}."
    expected, last = lock.decode().rstrip(), files.get(ASSET, b"").decode().rstrip().rpartition("\n")
    wheel = f"{wheel_name(release.version)} --hash=sha256:{release.wheel_sha256}"
    if last[0] != expected:
        yield f"{ASSET}: it does not begin with {LOCK}."
    if not last[2].endswith(f"/{wheel}"):
        yield f"{ASSET}: its last line is not our wheel of {release.version} with the SHA-256 of {FACTS}."


def _placeholder_problems(files: Files) -> Iterator[str]:
    owner = re.compile(_OWNER.format(re.escape(PLACEHOLDER)))
    for path, text in _texts(files):
        if path.startswith(_EXEMPT):
            continue
        if owner.search(text) or (path == PACKAGE and f'OWNER = "{PLACEHOLDER}"' in text):
            yield f"{path}: the owner is still `{PLACEHOLDER}`. Run `python -m release rename OWNER` once on main."
        if NO_DIGEST in text:
            yield f"{path}: it has the digest that stands for none."


def _marketplace_problems(files: Files) -> Iterator[str]:
    """What GitHub's marketplace asks of an action (documented)."""
    values = _top_level(files.get(ACTION, b"").decode())
    if "action.yaml" in files:
        yield "action.yaml: there is an action.yml too, and the marketplace takes one file at the root."
    if not values.get("name"):
        yield f"{ACTION}: it has no name."
    if not 0 < len(values.get("description", "")) <= _MAX_DESCRIPTION:
        yield f"{ACTION}: the description has to have 1 to {_MAX_DESCRIPTION} characters."
    if "branding" not in values or not {"icon", "color"} <= set(values["branding"].split()):
        yield f"{ACTION}: `branding` needs `icon` and `color`."


def _top_level(document: str) -> dict[str, Any]:
    """The values of the keys at the top of an action file; of a mapping there, its keys."""
    import yaml  # noqa: PLC0415 - part of the run-time lock, but only this function needs it

    loaded = yaml.safe_load(document)
    values = loaded if isinstance(loaded, dict) else {}
    return {str(key): " ".join(value) if isinstance(value, dict) else str(value) for key, value in values.items()}


def _texts(files: Files) -> Iterator[tuple[str, str]]:
    """The files that are text, in the order of their paths."""
    for path in sorted(files):
        # Text has no such byte; pictures do.
        if b"\0" not in files[path]:
            yield path, files[path].decode("utf-8", "replace")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel_url(version: str, *, owner: str) -> str:
    """The address of our wheel as pip takes it."""
    return asset(wheel_name(version), version=version, owner=owner)
