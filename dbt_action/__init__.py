"""Run a dbt Cloud job from a CI pipeline; this file holds the version and nothing else."""

from __future__ import annotations

__version__ = "1.0.0"
