"""The names and addresses of a release, made from the owner, the version and the digest of the image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dbt_action import OWNER, __version__

# The owner until somebody runs `python -m release rename`.
PLACEHOLDER = "org"
REPOSITORY = "dbt-cloud-run-action"
DISTRIBUTION = "dbt-cloud-run"
# The digest before there is an image.
NO_DIGEST = "sha256:" + "0" * 64

# In front of the address, or of a variable with it. Wheels only: no code of a package runs while it is installed. The
# quotes are for YAML, which takes a colon before a blank for its own.
PIP_OPTIONS = '--require-hashes --only-binary ":all:" -r'
# Installs another Python where the CI's is too old.
UV = "uv==0.13.8"

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# As in the name of an image: a registry, perhaps with a port, and a path in lower case.
IMAGE_NAME = re.compile(r"[a-z0-9.-]+(?::\d+)?(?:/[a-z0-9._-]+)+")


class ReleaseError(Exception):
    """The release cannot go on: one sentence for each problem, with the file and what to do."""

    def __init__(self, *problems: str) -> None:
        """Keep the problems; they are reported together."""
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, as `release.json` has it. The two hashes are the SHA-256 of requirements.txt and of our wheel."""

    version: str
    image: str
    digest: str
    lock_sha256: str
    wheel_sha256: str

    @property
    def pinned_image(self) -> str:
        """The image by its digest, as `docker pull` takes it."""
        return f"{self.image}@{self.digest}"


def image_name(owner: str = OWNER) -> str:
    """The name of the image in GitHub's registry, which knows only lower case."""
    return f"ghcr.io/{owner.lower()}/{REPOSITORY}"


def asset(name: str, *, version: str = __version__, owner: str = OWNER) -> str:
    """The address of a file of a release."""
    return f"https://github.com/{owner}/{REPOSITORY}/releases/download/v{version}/{name}"


def wheel_name(version: str) -> str:
    """The file name of our wheel."""
    return f"{DISTRIBUTION.replace('-', '_')}-{version}-py3-none-any.whl"


def requirements(lock: str, *, wheel: str, sha256: str) -> str:
    """The file of a release that users install: `lock` is requirements.txt, `wheel` where our wheel is."""
    return f"{lock.rstrip()}\n{wheel} --hash=sha256:{sha256}\n"


# What the pages of this checkout name: the first release, before there is one.
IMAGE = f"{image_name()}@{NO_DIGEST}"
REQUIREMENTS = asset("requirements.txt")
