"""What is said about a run, as text and documents; pure, and imports `results`, `dbt_cloud` and `config`."""

from __future__ import annotations
