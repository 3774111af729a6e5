"""A terminal, or a CI that is not known: plain lines or JSON, and files only where the user wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dbt_action.ci.base import Severity
from dbt_action.ci.files import PlatformWithFiles
from dbt_action.ci.log import Log
from dbt_action.config import input_types, inputs
from dbt_action.config.choices import LogFormat, RunOn
from dbt_action.config.context import CiContext
from dbt_action.config.report_inputs import LOG_FORMAT

# Code hosts, as in the input `code-host`, by the host name of a remote. Azure Repos needs more than that.
_HOSTS = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket"}
# Inputs that say what to run.
_CHOICES = ("run-on", "branch", "git-sha", "run-id")
# Bold, and the colour that dbt has for it (ECMA-48).
_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33"}
_AS_SET = "What is run is what the job is set to."


class Terminal(PlatformWithFiles):
    """A terminal. It recognises every environment, and so it is asked last."""

    id = "none"
    display_name = "a terminal"
    detection_order = 9

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """The format of the log is an input that only a terminal knows."""
        super().__init__(environ, log)
        found = input_types.lookup(environ, LOG_FORMAT)
        self._has_colours = log.is_terminal and not environ.get("NO_COLOR")
        self._as_json = found is not None and found.value.casefold() == LogFormat.JSON.value

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """Whatever the environment: no CI has recognised it."""
        del environ
        return True

    def context(self) -> CiContext:
        """What the git checkout in the working directory says, unless the user has said what to run.

        dbt Cloud can only run a commit that was pushed.
        """
        known = CiContext(
            ci_id=self.id, ci_name=self.display_name, secrets_hint="Give it as `DBT_TOKEN` in the environment."
        )
        if any(input_types.lookup(self._environ, row) for row in inputs.INPUTS if row.name in _CHOICES):
            return known
        from dbt_action import checkout  # noqa: PLC0415 - a CI has variables for this

        found = checkout.read(Path.cwd())
        if found is None:
            return replace(known, default_run_on=RunOn.JOB, default_reason=f"No git checkout was found here. {_AS_SET}")
        host = _HOSTS.get(found.remote_host, "")
        known = replace(
            known,
            sha=found.sha,
            branch=found.branch,
            host=host,
            repository=found.remote_path if host else "",
        )
        if found.pushed:
            return known
        reason = f"Commit {found.sha[:7]} is on no branch of a remote, so dbt Cloud cannot know it. {_AS_SET}"
        return replace(known, default_run_on=RunOn.JOB, default_reason=reason)

    def info(self, message: str) -> None:
        """A line, or an object with `level` and `message`."""
        if self._as_json:
            self.log.record(level="info", message=message)
        else:
            super().info(message)

    def untrusted_block(self, title: str, body: str, *, more_follows: bool = False) -> None:
        """Lines with a title, or an object with both."""
        if self._as_json:
            self.log.record(level="log", title=title, message=body)
        else:
            super().untrusted_block(title, body, more_follows=more_follows)

    def redraw(self, line: str) -> None:
        """Show the line in place of the last one like it."""
        if not self._as_json:
            self.log.transient(line)

    def _annotate(self, severity: Severity, message: str, *, title: str, file: str) -> None:
        if self._as_json:
            self.log.record(level=severity.value, title=title, file=file, message=message)
        elif self._has_colours:
            # The prefixes that mark each line elsewhere are for programs.
            self.log.coloured(_COLOURS[severity], " in ".join(part for part in (title, file) if part))
            self.log.lines(message)
        else:
            self.log.titled(f"{severity.value.capitalize()}: ", message, title=title, file=file)

    def _open_fold(self, title: str) -> None:
        """A line with the title; a terminal has no folds."""
        self.log.lines(title)

    def _close_fold(self) -> None:
        """Nothing to close."""


CI = Terminal
