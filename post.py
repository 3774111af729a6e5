#!/usr/bin/env -S python3 -Esu
"""Starts the clean-up after the action."""

from __future__ import annotations

import sys

from dbt_action import app

if __name__ == "__main__":
    sys.exit(app.post())
