"""The command line of the demo."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from demo import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the scenario that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Run the action against a dbt Cloud on this machine."
    )
    parser.add_argument("scenario", nargs="?", default="green", choices=sorted(run.SCENARIOS))
    parser.add_argument(
        "--keep", action="store_true", help="keep the emulated dbt Cloud running until Enter is pressed"
    )
    options = parser.parse_args(arguments)
    return run.show(options.scenario, keep=options.keep)


if __name__ == "__main__":
    sys.exit(main())
