"""A terminal, or a CI that we do not know: plain lines, no commands, and files only where the user wants them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from dbt_action import text
from dbt_action.ci import saved_state
from dbt_action.ci.log import Log
from dbt_action.ci.saved_state import SavedState
from dbt_action.config.context import CiContext
from dbt_action.config.input_types import Input, InputType

# Bytes of a value: GitLab takes no dotenv file of more than 5 KB, in which all of ours have to fit.
MAX_OUTPUT = 255

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
SUMMARY_FILE = Input(
    name="summary-file",
    input_type=InputType.PATH,
    help="File for the summary, in Markdown.",
    default="(`dbt-summary.md` in a CI without a page for it, none in a terminal)",
)
INPUTS = (STATE_FILE, OUTPUT_FILE, SUMMARY_FILE)


class Terminal:
    """What every CI can do, done without any CI. Others override what they do better."""

    # The value of `--ci`.
    key = "none"
    name = "a terminal"
    # CIs with a lower one are asked first whether they recognise the environment.
    detection_order = 9
    # Failed nodes, and as many warned ones, that are told one by one.
    max_annotations = 25
    # An error is also shown away from the log, where the ones before it are not seen.
    shows_errors_outside_log = False
    # Files in the working directory, "" for none. The user's own choice comes first.
    state_file = ""
    output_file = ""
    summary_file = ""

    def __init__(self, environ: Mapping[str, str], log: Log) -> None:
        """`environ` is read by `context` and by what writes files."""
        self.environ = environ
        self.log = log
        self._outputs: dict[str, str] = {}
        self._warned: set[str] = set()
        # Title of the fold that is open.
        self._folded = ""

    @staticmethod
    def detected(environ: Mapping[str, str]) -> bool:
        """A terminal is where nothing else was recognised."""
        del environ
        return True

    def context(self) -> CiContext:
        """Nothing is known about the build."""
        return CiContext(platform=self.name, secrets_hint="Give it as `DBT_TOKEN` in the environment.")

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Keep `secrets` out of everything that is printed from now on."""
        self.log.secrets = secrets

    def info(self, message: str) -> None:
        """Say something."""
        self.end_fold()
        self.log.lines(message)

    def warning(self, message: str, title: str = "", file: str = "") -> None:
        """Say what is not right but not the end; `file` is a path in the repository that it is about."""
        self._mark("Warning: ", message, title, file)

    def error(self, message: str, title: str = "", file: str = "") -> None:
        """Say why this fails; `file` is a path in the repository that it is about."""
        self._mark("Error: ", message, title, file)

    def untrusted_block(self, title: str, body: str, *, more_follows: bool = False) -> None:
        """Show a text of somebody else's, such as a step's log, folded where the CI can.

        `more_follows`: more with this title may follow; it stands in the same fold unless something else is said first.
        """
        if self._folded != title:
            self.end_fold()
            self._folded = title or " "
            self._open_fold(text.defuse(text.one_line(self.log.safe(title))))
        self.log.lines(body, "│ ")
        if not more_follows:
            self.end_fold()

    def end_fold(self) -> None:
        """End the fold that is open; what comes next is for everybody."""
        if self._folded:
            self._folded = ""
            self._close_fold()

    def _open_fold(self, title: str) -> None:
        self.log.lines(title)

    def _close_fold(self) -> None:
        """A terminal has no folds."""

    def _mark(self, prefix: str, message: str, title: str, file: str) -> None:
        self.end_fold()
        heading = " in ".join(part for part in (title, file) if part)
        self.log.lines("\n".join(part for part in (heading, message) if part), prefix)

    def set_outputs(self, values: Mapping[str, str]) -> None:
        """Hand values to later steps: a dotenv file that holds the newest value of each."""
        path = self._path(OUTPUT_FILE, self.output_file)
        self._outputs |= {variable(name): self._value(value) for name, value in values.items()}
        if path:
            self._write(path, "".join(f"{name}={value}\n" for name, value in self._outputs.items()))

    def _value(self, value: str) -> str:
        """One line without quotes: a dotenv file knows neither line ends nor escapes."""
        return text.cut_bytes(text.one_line(self.log.safe(value)), MAX_OUTPUT)

    def save_state(self, state: SavedState) -> None:
        """Keep this for `dbt-cloud-run cancel`, which runs in another process."""
        path = self._path(STATE_FILE, self.state_file)
        if path:
            self._write(path, state.to_json() + "\n")

    def load_state(self) -> SavedState | None:
        """The state that the process before this one has state."""
        path = self._path(STATE_FILE, self.state_file)
        try:
            return saved_state.from_json(path.read_text(encoding="utf-8")) if path else None
        except (OSError, ValueError):
            return None

    def write_summary(self, markdown: str) -> None:
        """Keep a page of Markdown."""
        path = self._path(SUMMARY_FILE, self.summary_file)
        if path and self._write(path, text.redact(markdown, self.log.secrets)):
            self._show_summary(path)

    @property
    def has_summary(self) -> bool:
        """Somebody will find the summary."""
        return self._path(SUMMARY_FILE, self.summary_file) is not None

    def _show_summary(self, path: Path) -> None:
        """Only some CIs have a place for it."""

    def _path(self, row: Input, default: str) -> Path | None:
        """The file of an input. Azure leaves `$(Name)` in place when there is no such variable."""
        chosen = self.environ.get(row.variable, "").strip()
        chosen = default if chosen.startswith("$(") else chosen or default
        return Path(chosen) if chosen else None

    def _write(self, path: Path, content: str) -> bool:
        """Write the whole file at once: whoever reads it after this process was killed finds all or nothing."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w",
                encoding="utf-8",
                errors="replace",
                newline="\n",
                dir=path.parent,
                prefix=f".{path.name}.",
                delete=False,
            ) as part:
                part.write(content)
            # Readable for others like any file: a temporary one is not, and artifacts keep the mode.
            Path(part.name).chmod(0o644)
            Path(part.name).replace(path)
        except OSError as error:
            if str(path) not in self._warned:
                self._warned.add(str(path))
                self.warning(f"{path} cannot be written: {error.strerror}. Nothing else depends on it.")
            return False
        return True


def variable(output: str) -> str:
    """The name of an output as a variable: `DBT_RUN_` + the name, `run-` not doubled.

    Never the name of an input: a dotenv file of one job becomes the environment of the next.
    """
    return "DBT_RUN_" + output.upper().replace("-", "_").removeprefix("RUN_")


CI = Terminal
