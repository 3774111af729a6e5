"""The demo's command line; what happens is in `demo.run`."""

from __future__ import annotations

import argparse
import sys

from demo import run


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make demo", description="Run the action against a dbt Cloud on this machine."
    )
    parser.add_argument("scenario", nargs="?", default="green", choices=sorted(run.SCENARIOS))
    parser.add_argument("--keep", action="store_true", help="keep the emulated dbt Cloud until Enter is pressed")
    arguments = parser.parse_args()
    return run.show(arguments.scenario, keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
