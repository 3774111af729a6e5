"""A few of the soak's scenarios in every test run, always the same ones; `make soak` runs hundreds of new ones."""

from __future__ import annotations

import pytest

from tests.reliability import scenarios, soak

SEEDS = [f"short-{number}" for number in range(20)]


@pytest.mark.parametrize("seed", SEEDS)
def test_soak__keeps_every_promise(seed: str) -> None:
    """`python -m tests.reliability.soak --seed SEED` shows one of them and runs it again."""
    assert [] == soak.check(seed)


def test_scenario__is_the_same_for_the_same_seed() -> None:
    assert scenarios.draw("short-1") == scenarios.draw("short-1")
    assert 1 < len({scenarios.draw(seed).inputs["timeout_minutes"] for seed in SEEDS})


def test_scenarios__have_every_kind_of_fault_event_and_run() -> None:
    """Or the soak would prove less than the docs say."""
    drawn = [scenarios.draw(f"any-{number}") for number in range(300)]

    assert set(scenarios.KINDS) == {scenario.first for scenario in drawn}
    kinds = {hit.kind for scenario in drawn for hit in scenario.faults}
    assert {kind for kind, _ in scenarios.TRANSIENT} == kinds
    events = {(what, where) for what in ("signal", "kill") for where in ("second", "line")}
    assert events == {scenario.event[:2] for scenario in drawn if scenario.event}
    assert {1, 2, 3} == {scenario.attempts for scenario in drawn}
    assert any(scenario.undisturbed for scenario in drawn)
