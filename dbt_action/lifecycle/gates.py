"""Is there anything to run? Decides that from changed files, labels, drafts and the commit's message. Pure.

What cannot be known never skips a build. A skip is a success on the commit, so whoever may write the commit message,
mark the pull request as a draft or remove a label can have one without a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dbt_action.config.context import CiContext, CommitOrigin
from dbt_action.config.loader import Config
from dbt_action.hosts.base import ChangedFiles


class Gate(Enum):
    """One reason not to run; in the order in which they are asked, the cheapest first."""

    MESSAGE = "commit message"
    DRAFT = "draft"
    LABEL = "labels"
    FILES = "changed files"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to run. `skip` is why not, as a clause, "" to run; `doubt` is why that could not be decided, or ""."""

    skip: str = ""
    doubt: str = ""


RUN = Decision()
NEW_BRANCH = Decision(doubt="the branch is new, so there is nothing to compare with")


def asked(config: Config, context: CiContext) -> tuple[Gate, ...]:
    """The gates that apply: labels and drafts are of pull requests, and some builds have no list of changed files.

    The commit's message is only asked of the host when something else is asked anyway.
    """
    applies = {
        Gate.DRAFT: config.skip_drafts and context.number > 0,
        Gate.LABEL: bool(config.require_label) and context.number > 0,
        Gate.FILES: bool(config.files_to_ignore) and _has_list_of_files(config, context),
    }
    # Somebody else's message must not turn a required status green.
    believed = bool(config.skip_commit_message) and context.origin is CommitOrigin.OWN
    message = believed and (bool(context.commit_message) or (any(applies.values()) and bool(context.sha)))
    return tuple(gate for gate, wanted in ({Gate.MESSAGE: message} | applies).items() if wanted)


def _has_list_of_files(config: Config, context: CiContext) -> bool:
    """Whether there is a pull request, or a push whose commit is the one that will be run."""
    if context.number:
        return True
    other_version = (config.git_sha and config.git_sha != context.sha) or (
        config.branch and config.branch != context.branch
    )
    return bool(context.before_sha and context.sha) and not other_version


def is_new_branch(context: CiContext) -> bool:
    """Whether the push has made the branch."""
    return not context.number and set(context.before_sha) == {"0"}


def by_message(config: Config, message: str) -> Decision:
    """Decide by the commit's whole message."""
    words = config.skip_commit_message
    return Decision(skip=f"the commit message has `{words}`") if words in message else RUN


def by_draft(*, is_draft: bool) -> Decision:
    """Decide by whether the pull request is a draft."""
    return Decision(skip="the pull request is a draft") if is_draft else RUN


def by_labels(config: Config, labels: frozenset[str]) -> Decision:
    """Decide by the labels of the pull request."""
    return RUN if config.require_label in labels else Decision(skip=f"without the label `{config.require_label}`")


def by_files(config: Config, files: ChangedFiles) -> Decision:
    """Decide by the changed files: only a list that is whole, not empty and wholly ignored is a reason to skip."""
    kept = not_ignored(config.files_to_ignore, files.paths)
    if kept:
        return RUN
    if files.gap:
        return Decision(doubt=files.gap)
    if not files.paths:
        return Decision(doubt="no file has changed")
    return Decision(skip="only ignored files changed")


def not_ignored(patterns: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """The paths that `patterns` do not ignore: for each the last pattern that matches it, or a folder of it, counts.

    That is what Datafold says of its field of the same name. Git itself decides otherwise: below an ignored folder
    it takes nothing back, so that a change of `dbt/models/a.sql` would be ignored by `*` and `!dbt/*`.
    """
    import pathspec  # noqa: PLC0415 - few pipelines need it, and importing it would make every start slower

    ignored = pathspec.PathSpec.from_lines("gitwildmatch", patterns)
    return tuple(path for path in paths if not ignored.match_file(path))


def pattern_warning(patterns: Sequence[str]) -> str:
    """The warning for patterns that have lost their line ends, as on Datafold's own page; "" if they have not."""
    joined = [pattern for pattern in patterns if "!" in pattern.lstrip("!").replace("\\!", "")]
    if not joined:
        return ""
    return (
        f"`files-to-ignore` has `{joined[0]}` on one line, which looks like several patterns without their line ends; "
        "as one pattern it matches no file. Write one pattern per line, after `files-to-ignore: |`."
    )
