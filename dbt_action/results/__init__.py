"""What dbt left behind, read from its artifacts; pure, and imports no other package."""

from __future__ import annotations
