"""What a run leaves behind, fetched patiently: results for the report, artifacts for the user; it never fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from dbt_action import artifacts as wanted
from dbt_action import results as results_
from dbt_action import retry, text
from dbt_action.clock import Clock
from dbt_action.cloud import DbtCloud
from dbt_action.config import Config
from dbt_action.errors import CloudError, NotFound, Unavailable
from dbt_action.runs import Run, RunStatus

T = TypeVar("T")

# Artifacts are uploaded after the end of a run, so a 404 is not the last word for this long (reported).
LATE = 30.0
# Commands that leave a run_results.json behind.
_WITH_RESULTS = re.compile(r"^dbt\b.*\b(build|run|test|seed|snapshot|retry|compile|clone|run-operation)\b")
_DONE = frozenset({RunStatus.SUCCESS, RunStatus.ERROR})


def results(cloud: DbtCloud, run: Run, *, clock: Clock) -> results_.Results:
    """The results of every dbt step; the API's default is the last step's alone, often that of the docs."""
    deadline = clock.now() + (0.0 if run.artifacts_saved else LATE)
    documents = []
    for step in run.steps:
        if step.status in _DONE and _WITH_RESULTS.search(step.command):
            fetch = partial(cloud.artifact, run.id, "run_results.json", step=step.index)
            # A step that ended before dbt ran anything has none; the step's log tells the rest.
            with suppress(CloudError):
                documents.append(_late(fetch, clock, deadline))
    return results_.parse(documents)


def artifacts(
    cloud: DbtCloud,
    run_id: int,
    config: Config,
    *,
    clock: Clock,
    info: Callable[[str], None],
    warn: Callable[[str], None],
) -> str:
    """Save what `config.artifacts` names below `config.artifacts_path`; that folder when anything was saved."""
    folder = Path(config.artifacts_path)
    deadline = clock.now() + LATE
    try:
        names = _late(lambda: _names(cloud, run_id), clock, deadline)
    except CloudError as error:
        warn(f"The list of artifacts could not be had: {error.explanation}")
        return ""
    for pattern in wanted.unmatched(names, config.artifacts):
        warn(f"No artifact of the run matches {pattern!r}. It has {text.plural(len(names), 'artifact')}.")
    saved = [name for name in wanted.chosen(names, config.artifacts) if _save(cloud, run_id, name, folder, clock, warn)]
    if saved:
        info(f"Saved {text.plural(len(saved), 'artifact')} in {folder}: {text.cut(', '.join(saved), 300)}")
    return str(folder) if saved else ""


def _names(cloud: DbtCloud, run_id: int) -> tuple[str, ...]:
    names = cloud.artifact_names(run_id)
    if not names:
        message = "The run has no artifacts."
        raise Unavailable(message)
    return names


def _save(cloud: DbtCloud, run_id: int, name: str, folder: Path, clock: Clock, warn: Callable[[str], None]) -> bool:
    path = wanted.safe_path(name)
    if path is None:
        warn(f"Artifact {name!r} is not saved: its name leads out of the folder or is not portable.")
        return False
    target = folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        retry.persist(lambda: cloud.save_artifact(run_id, name, target), clock=clock, patience=LATE)
    except CloudError as error:
        warn(f"Artifact {name} could not be fetched: {error.explanation}")
    except OSError as error:
        warn(f"Artifact {name} could not be written to {folder}: {error.strerror}.")
    else:
        return True
    return False


def _late(call: Callable[[], T], clock: Clock, deadline: float) -> T:
    """`call`, repeated until `deadline` also when the thing is not there yet."""

    def attempt() -> T:
        try:
            return call()
        except NotFound as error:
            raise Unavailable(error.message, hint=error.hint) from None

    return retry.persist(attempt, clock=clock, patience=max(0.0, deadline - clock.now()))
