"""Files for outputs, saved state and summary, on CIs that have no commands of their own for these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dbt_action import safe_files, text
from dbt_action.ci import saved_state
from dbt_action.ci.base import CiPlatform
from dbt_action.ci.log import Log
from dbt_action.config import input_types
from dbt_action.config.input_types import Input, InputType
from dbt_action.config.report_inputs import SUMMARY_PATH

# Bytes of one value. GitLab refuses a dotenv file of more than 5 KB or 20 variables, and all outputs but lists have to
# fit into it.
MAX_OUTPUT_BYTES = 150

STATE_FILE = Input(
    name="state-file",
    input_type=InputType.PATH,
    help="File that `dbt-cloud-run cancel` finds the run by.",
    default="(a file of the job in a CI, none in a terminal)",
)
OUTPUT_FILE = Input(
    name="output-file",
    input_type=InputType.PATH,
    help="File for the outputs, as lines `DBT_RUN_ID=…` (dotenv).",
    default="(`dbt.env` on GitLab, none elsewhere)",
)
INPUTS = (STATE_FILE, OUTPUT_FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePaths:
    """Where the files go, relative to the working directory; None: there is no such file."""

    state: Path | None = None
    outputs: Path | None = None
    summary: Path | None = None

    def chosen_in(self, environ: Mapping[str, str]) -> FilePaths:
        """These paths, but for those that the user has chosen."""
        return FilePaths(
            state=_chosen(environ, STATE_FILE) or self.state,
            outputs=_chosen(environ, OUTPUT_FILE) or self.outputs,
            summary=_chosen(environ, SUMMARY_PATH) or self.summary,
        )


def _chosen(environ: Mapping[str, str], row: Input) -> Path | None:
    found = input_types.lookup(environ, row)
    return Path(found.value) if found else None


class StepFiles:
    """The files of one step. A file that cannot be written is one warning, and nothing else depends on it."""

    def __init__(self, paths: FilePaths, log: Log, warn: Callable[[str], None]) -> None:
        """`log` knows the secrets that no file may have."""
        self.paths = paths
        self._log, self._warn = log, warn
        self._variables: dict[str, str] = {}
        self._failed: set[Path] = set()

    @property
    def variables(self) -> Mapping[str, str]:
        """The outputs set so far, by the name of their variable."""
        return self._variables

    def add_outputs(self, values: Mapping[str, str]) -> None:
        """Write the dotenv file again, with the newest value of each output."""
        self._variables |= {output_variable(name): self.safe_value(value) for name, value in values.items()}
        if self.paths.outputs:
            self.write(self.paths.outputs, "".join(f"{name}={value}\n" for name, value in self._variables.items()))

    def safe_value(self, value: str) -> str:
        """The value of an output as one short line: a dotenv file has no escapes and no quoted line ends."""
        return text.cut_bytes(text.one_line(self._log.safe(value)), MAX_OUTPUT_BYTES)

    def save_state(self, line: str) -> None:
        """Write the state file, if there is one."""
        if self.paths.state:
            self.write(self.paths.state, line + "\n")

    def load_state(self) -> str:
        """The content of the state file, "" if there is none that can be read."""
        if not self.paths.state:
            return ""
        try:
            content = safe_files.read(self.paths.state, max_bytes=saved_state.MAX_BYTES)
        except OSError:
            return ""
        return (content or b"").decode("utf-8", "replace").strip()

    def write_summary(self, markdown: str) -> bool:
        """Write the summary file. Whether there is one now."""
        path = self.paths.summary
        return path is not None and self.write(path, text.redact(markdown, self._log.secrets))

    def write(self, path: Path, content: str) -> bool:
        """Replace the file as a whole, so that readers never find half of it. Whether it could be written."""
        try:
            with safe_files.replaced(path) as file:
                file.write(content.encode("utf-8", "replace"))
        except OSError as error:
            if path not in self._failed:
                self._failed.add(path)
                self._warn(f"{path} cannot be written: {error.strerror}. Nothing else depends on it.")
            return False
        return True


class PlatformWithFiles(CiPlatform):
    """A CI that takes outputs, saved state and summary as files."""

    def __init__(self, environ: Mapping[str, str], log: Log, paths: FilePaths = FilePaths()) -> None:
        """`paths` are those of files that the user has chosen no path for."""
        super().__init__(environ, log)
        self.files = StepFiles(paths.chosen_in(environ), log, warn=self.warning)

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Write them to the dotenv file."""
        self.files.add_outputs(values)

    def save_state(self, text: str, *, closed: bool) -> None:
        """Write it to the state file."""
        del closed
        self.files.save_state(text)

    def load_state(self) -> str:
        """Read the state file."""
        return self.files.load_state()

    def own_files(self) -> tuple[Path, ...]:
        """State, outputs and summary."""
        paths = self.files.paths
        return tuple(path for path in (paths.state, paths.outputs, paths.summary) if path)

    def write_summary(self, markdown: str) -> None:
        """Write the summary file."""
        self.files.write_summary(markdown)

    @property
    def has_summary(self) -> bool:
        """Whether there is a summary file."""
        return self.files.paths.summary is not None

    @property
    def summary_path(self) -> str:
        """The summary file."""
        return str(self.files.paths.summary or "")


def output_variable(output: str) -> str:
    """The variable of an output: `DBT_RUN_` and its name, without a second `RUN_` (`run-id` is `DBT_RUN_ID`).

    It is never the variable of an input, because the dotenv file of one job becomes the environment of the next.
    """
    return "DBT_RUN_" + output.upper().replace("-", "_").removeprefix("RUN_")
