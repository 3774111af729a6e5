#!/usr/bin/env -S python3 -Esu
"""Starts the action from a checkout or in the image."""

from __future__ import annotations

import sys

from dbt_action import app


def _main() -> int:
    if len(sys.argv) == 1:
        return app.main()
    from dbt_action import cli  # noqa: PLC0415 - the action passes no arguments, and importing argparse takes time

    return cli.main()


if __name__ == "__main__":
    sys.exit(_main())
