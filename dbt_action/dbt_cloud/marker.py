"""The marker: a short text at the end of a run's cause, by which the action finds its own runs again. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from dbt_action.config.context import CiContext
from dbt_action.config.loader import Config

_FORM = re.compile(r"\[dra ([0-9a-f]{8})\.([0-9a-f]{8})\.([0-9a-f]{8})\.([0-9]{1,6})\.([0-9a-f]{6,16})\]$")


@dataclass(frozen=True, slots=True)
class Marker:
    """Which step of which build triggered a run; written as `[dra scope.build.step.attempt.nonce]`.

    `scope` is a digest of the job and the pull request (or branch), `build` of the CI's build in all its attempts,
    `step` of the step and its combination of matrix values. The nonce makes a marker unique: two steps of a
    build may share everything else that is known about them.
    """

    scope: str
    build: str
    step: str
    attempt: int
    nonce: str

    def __str__(self) -> str:
        return f"[dra {self.scope}.{self.build}.{self.step}.{self.attempt}.{self.nonce}]"

    def earlier_attempt(self, other: Marker) -> bool:
        """Whether `other` marks the same step in an earlier attempt of the same build."""
        same = (self.scope, self.build, self.step) == (other.scope, other.build, other.step)
        return same and other.attempt < self.attempt

    def same_step(self, cause: str) -> bool:
        """Whether a run with this cause was triggered by this attempt of this step, or by an earlier one."""
        found = find(cause)
        return found is not None and (found == self or self.earlier_attempt(found))

    def other_build(self, other: Marker) -> bool:
        """Whether `other` marks another build for the same pull request or branch."""
        return self.scope == other.scope and self.build != other.build


def make(config: Config, context: CiContext, *, nonce: str) -> Marker:
    """The marker of this attempt of this step; `nonce` is 6 to 16 random hexadecimal digits."""
    job = (config.dbt_url, config.account_id, config.job_id, context.repository)
    pull_request = context.pull_request and context.pull_request.number
    subject = pull_request or context.subject or context.branch or context.tag or context.sha
    # The settings of the run are part of the step: the jobs of a matrix often differ in nothing else.
    settings = (config.branch, config.git_sha, config.overrides, config.status_context)
    return Marker(
        scope=digest(*job, subject),
        build=digest(context.ci_id, context.repository, context.build_id),
        step=digest(*job, context.job, context.step, config.instance, *settings),
        attempt=context.attempt,
        nonce=nonce,
    )


def find(cause: str) -> Marker | None:
    """The marker at the end of `cause`, None when there is none."""
    match = _FORM.search(cause)
    return Marker(match[1], match[2], match[3], int(match[4]), match[5]) if match else None


def digest(*values: object) -> str:
    """Eight hexadecimal digits for `values`, the same in every process."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:8]
