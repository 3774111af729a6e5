"""What is written about a run, as text and documents. Pure; imports `results`, `dbt_cloud` and `config`."""

from __future__ import annotations
