"""How far a scripted run is at a time: for every script, a run only goes forward and ends with the right status."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator import Script, ScriptedStep
from emulator.request_parsing import TRIGGER_FIELDS
from emulator.scripted_runs import progress_at

SECONDS = st.floats(min_value=0, max_value=1e6)
STEPS = st.builds(ScriptedStep, status=st.sampled_from([10, 20, 30]), seconds=SECONDS)
SCRIPTS = st.builds(Script, steps=st.lists(STEPS, max_size=5).map(tuple), bare=st.booleans())
TRIGGER = dict.fromkeys(TRIGGER_FIELDS)


@given(script=SCRIPTS, times=st.tuples(SECONDS, SECONDS).map(sorted))
def test_progress_at__never_goes_backwards(script: Script, times: list[float]) -> None:
    earlier, later = (progress_at(script, TRIGGER, 0.0, now) for now in times)

    assert len(earlier.steps) <= len(later.steps)
    if earlier.finished_at is not None:
        assert earlier == later
    for before, after in zip(earlier.steps, later.steps, strict=False):
        assert before == after or before.status == 3


@given(script=SCRIPTS)
def test_progress_at__ends_with_the_status_of_its_steps(script: Script) -> None:
    end = progress_at(script, TRIGGER, 0.0, 1e9)

    failed = any(step.status == 20 for step in script.steps)
    assert (20 if failed else 10) == end.status
    assert [step.index for step in end.steps] == list(range(1, len(end.steps) + 1))
