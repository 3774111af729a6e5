"""Asks the code host what the gates need to know, and has them decide. Whatever cannot be read lets the build run."""

from __future__ import annotations

from collections.abc import Callable

from dbt_action.clock import Clock
from dbt_action.hosts import HostChoice
from dbt_action.hosts.base import ChangeReader
from dbt_action.hosts.transport import HostError
from dbt_action.lifecycle import gates
from dbt_action.lifecycle.gates import Decision, Gate
from dbt_action.lifecycle.run_context import RunContext


def decide(run_context: RunContext, clock: Clock) -> str:
    """Why nothing is to be run, as a clause; "" to run. What could not be decided is one warning."""
    config, build, ci = run_context.config, run_context.build, run_context.ci
    if warning := gates.pattern_warning(config.files_to_ignore):
        ci.warning(warning)
    reader = _Reader(run_context.host, clock)
    doubts: dict[Gate, str] = {}
    for gate in gates.asked(config, build):
        decision = _decide(gate, run_context, reader)
        if decision.skip:
            return decision.skip
        # Without a commit message nothing is lost: few commits ask to be skipped.
        if decision.doubt and gate is not Gate.MESSAGE:
            doubts[gate] = decision.doubt
    if doubts:
        reasons = "; ".join(f"{gate.value}: {doubt}" for gate, doubt in doubts.items())
        ci.warning(f"Whether this build could be skipped is not known, so the job is run ({reasons}).{reader.hint}")
    return ""


def _decide(gate: Gate, run_context: RunContext, reader: _Reader) -> Decision:
    config, build = run_context.config, run_context.build
    if gate is Gate.MESSAGE:
        if build.commit_message:
            return gates.by_message(config, build.commit_message)
        return reader.ask(lambda host: gates.by_message(config, host.commit_message(build.sha)))
    if gate is Gate.DRAFT:
        return reader.ask(lambda host: gates.by_draft(is_draft=host.is_draft()))
    if gate is Gate.LABEL:
        return reader.ask(lambda host: gates.by_labels(config, host.labels()))
    if gates.is_new_branch(build):
        return gates.NEW_BRANCH
    return reader.ask(
        lambda host: gates.by_files(
            config, host.pull_request_files() if build.number else host.pushed_files(build.before_sha, build.sha)
        )
    )


class _Reader:
    """The host, opened when it is first asked."""

    def __init__(self, choice: HostChoice, clock: Clock) -> None:
        self._choice, self._clock = choice, clock
        # What to do about a refusal, as sentences, "" as long as nothing was refused.
        self.hint = ""

    def ask(self, question: Callable[[ChangeReader], Decision]) -> Decision:
        """The decision by an answer of the host; a doubt when there is no usable one."""
        try:
            return question(self._choice.read_changes(self._clock))
        except HostError as error:
            self.hint = self.hint or self._choice.changes_hint(error.status)
            return Decision(doubt=f"{error.status or ''} {error.message}".strip())
        except Exception as error:  # noqa: BLE001 - an answer of an unknown shape must not end the step
            return Decision(doubt=f"an answer of an unknown shape ({type(error).__name__})")
