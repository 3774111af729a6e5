"""dbt Cloud's Admin API: requests, answers, errors, pauses; imports `config`, never `ci` or anything above."""

from __future__ import annotations
