"""The property tests of code that reads untrusted text, as one target of the fuzzer Atheris (`make fuzz`).

Hypothesis draws the values of a property test at random. Atheris chooses the bytes from which they are drawn, and keeps
those that reach new branches of `dbt_action`. Hypothesis saves the values of a failure in .hypothesis, so the next
`make test` shows it too.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping

# One test takes `bytes` and raises what its asserts raise.
Target = Callable[[bytes], object]

MODULES = (
    "tests.test_text",
    "tests.ci.test_github_actions",
    "tests.ci.test_github_actions_context",
    "tests.ci.test_terminal",
    "tests.config.test_loader",
    "tests.config.test_parsers",
    "tests.report.test_junit",
    "tests.report.test_results_json",
    "tests.report.test_summary_untrusted_text",
    "tests.report.test_timeline",
    "tests.results.test_artifacts",
    "tests.results.test_manifest",
    "tests.results.test_run_results",
)


def property_tests() -> dict[str, Target]:
    """The targets by the name of their test: those that need nothing but the values that Hypothesis draws."""
    return {
        f"{name}::{attribute}": test.hypothesis.fuzz_one_input
        for name in MODULES
        for attribute, test in sorted(vars(importlib.import_module(name)).items())
        if hasattr(test, "hypothesis") and not inspect.signature(test).parameters
    }


def all_in_one(targets: Mapping[str, Target]) -> Callable[[bytes], None]:
    """A function whose first byte chooses the target that gets the others."""
    chosen = tuple(targets.values())

    def target(data: bytes) -> None:
        if data:
            chosen[data[0] % len(chosen)](data[1:])

    return target


def main() -> None:
    """Fuzz with the options of libFuzzer that are given as arguments; does not return."""
    import atheris  # noqa: PLC0415 - only the environment of `make fuzz` has it

    with atheris.instrument_imports(include=["dbt_action"]):
        targets = property_tests()
    sys.stdout.write(f"Fuzzing with {len(targets)} property tests\n")
    sys.stdout.flush()
    atheris.Setup(sys.argv, all_in_one(targets))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
