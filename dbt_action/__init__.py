"""Run a dbt Cloud job from a CI pipeline; this file holds the version and the owner of the repository, nothing else."""

from __future__ import annotations

__version__ = "1.0.0"
OWNER = "org"
