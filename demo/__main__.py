"""The command line of the demo."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial

from demo import datafold, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the scenario that the arguments name."""
    scenarios = [*run.SCENARIOS, datafold.NAME]
    parser = argparse.ArgumentParser(
        prog="make demo", description="Run the action against a dbt Cloud on this machine."
    )
    parser.add_argument("scenario", nargs="?", default="green", choices=scenarios)
    parser.add_argument(
        "--keep", action="store_true", help="keep the emulated dbt Cloud running until Enter is pressed"
    )
    options = parser.parse_args(arguments)
    of_one_run: Callable[[], bool] = partial(run.ends_well, options.scenario, keep=options.keep)
    code = run.show(options.scenario, datafold.ends_well if options.scenario == datafold.NAME else of_one_run)
    print(f"SCENARIO may be {', '.join(scenarios)}.")
    return code


if __name__ == "__main__":
    sys.exit(main())
