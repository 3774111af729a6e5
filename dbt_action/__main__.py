"""The command as `python -m dbt_action`."""

from __future__ import annotations

from dbt_action import cli

if __name__ == "__main__":
    raise SystemExit(cli.main())
