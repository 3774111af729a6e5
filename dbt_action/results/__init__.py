"""What dbt's artifacts say: results of nodes and where nodes are defined. Pure; imports no other package."""

from __future__ import annotations
