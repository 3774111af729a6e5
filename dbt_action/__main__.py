"""The command as `python -m dbt_action`."""

from __future__ import annotations

import sys

from dbt_action import cli

if __name__ == "__main__":
    sys.exit(cli.main())
