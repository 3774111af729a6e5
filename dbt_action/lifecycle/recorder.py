"""Keeps the state of the run, and saves what a clean-up needs whenever that changes."""

from __future__ import annotations

from dbt_action import text
from dbt_action.ci import saved_state
from dbt_action.ci.saved_state import SavedState
from dbt_action.lifecycle import state as states
from dbt_action.lifecycle.run_context import RunContext
from dbt_action.lifecycle.state import Event, RunState


class Recorder:
    """The one place where the state of the run changes."""

    def __init__(self, run_context: RunContext, state: RunState | None = None) -> None:
        """Nothing is saved before the first event that matters to a clean-up."""
        self._context = run_context
        self._state = state or RunState()
        self._saved: SavedState | None = None

    @property
    def state(self) -> RunState:
        """The state now."""
        return self._state

    def record(self, event: Event) -> None:
        """Note what has happened, and have the CI save what a clean-up needs.

        What happens first is saved first: a request that is about to be sent is on disk before it leaves.
        """
        self._state = states.after(self._state, event)
        if isinstance(event, states.JobRead):
            return
        ci = self._context.ci
        # Without secrets before it is signed: what a CI redacts later would no longer fit the signature.
        saved = text.scrub(states.to_saved(self._state, str(self._context.request.marker)), ci.log.secrets)
        if saved != self._saved:
            ci.save_state(saved_state.to_text(saved, self._context.state_key), closed=saved.closed)
            self._saved = saved
