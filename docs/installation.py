"""What users of other CIs install: the one place with the version, and with the digest of its image.

Until there is a release, the version is that of the first one and the digest is made of zeros; a release sets both.
"""

from __future__ import annotations

VERSION = "1.0.0"
DIGEST = "sha256:" + "0" * 64
OWNER = "org"

# A file of the release: the lock, and our own wheel, each with its hashes.
REQUIREMENTS = f"https://github.com/{OWNER}/dbt-cloud-run-action/releases/download/v{VERSION}/requirements.txt"
IMAGE = f"ghcr.io/{OWNER}/dbt-cloud-run-action@{DIGEST}"
# In front of the address, or of a variable with it. Wheels only: no code of a package runs while it is installed. The
# quotes are for YAML, which takes a colon before a blank for its own.
PIP_OPTIONS = '--require-hashes --only-binary ":all:" -r'
# Installs another Python where the CI's is too old.
UV = "uv==0.13.8"


def requirements(lock: str, *, wheel: str, sha256: str) -> str:
    """The file of a release: `lock` is requirements.txt, `wheel` the path or address of our wheel."""
    return f"{lock.rstrip()}\n{wheel} --hash=sha256:{sha256}\n"
