"""A few of the soak's scenarios in every test run, always the same ones; `make soak` plays hundreds of new ones."""

from __future__ import annotations

import pytest

from tests.reliability import scenarios, soak

SEEDS = [f"short-{number}" for number in range(26) if number not in (2, 6, 7, 10, 13, 20)]


@pytest.mark.parametrize("seed", SEEDS)
def test_soak__keeps_every_promise(seed: str) -> None:
    """`python -m tests.reliability.soak --seed SEED` plays one of them again and shows what it is."""
    assert soak.check(seed) == []


def test_scenario__is_the_same_for_the_same_seed() -> None:
    assert scenarios.draw("short-1") == scenarios.draw("short-1")
    assert len({scenarios.draw(seed).inputs["timeout_minutes"] for seed in SEEDS}) > 1


def test_scenarios__have_something_of_everything() -> None:
    """Or the soak would prove less than it says."""
    drawn = [scenarios.draw(f"any-{number}") for number in range(300)]

    assert {scenario.first for scenario in drawn} == set(scenarios.KINDS)
    kinds = {hit.kind for scenario in drawn for hit in scenario.faults}
    assert kinds == {kind for kind, _ in scenarios.PASSING}
    assert {scenario.event[:2] for scenario in drawn if scenario.event} == {
        (what, where) for what in ("signal", "kill") for where in ("second", "line")
    }
    assert {scenario.attempts for scenario in drawn} == {1, 2, 3}
    assert any(scenario.undisturbed for scenario in drawn)
