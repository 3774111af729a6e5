"""The log of the build: in every line secrets are replaced, and commands to a CI from outside are broken."""

from __future__ import annotations

import json
from typing import TextIO

from dbt_action import text

# To the first column, and erase (ECMA-48).
_CLEAR_LINE = "\r\x1b[2K"
# A line that is longer than the terminal is wide could not be erased. Few are narrower.
_WIDTH = 79


class Log:
    """Writes lines to a stream; no secret is printed, and no text from outside is a command to the CI."""

    def __init__(self, stream: TextIO) -> None:
        """No secret is known yet: call `mask` before anything is printed."""
        self._stream = stream
        self._secrets: tuple[str, ...] = ()
        # The last line has no end and will be replaced.
        self._transient = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that are replaced by `***`."""
        return self._secrets

    def mask(self, secrets: tuple[str, ...]) -> None:
        """Replace `secrets` by `***` in everything that is printed from now on."""
        self._secrets = secrets

    def safe(self, message: str) -> str:
        """`message` without secrets, colours and invisible characters."""
        # Twice: a secret may only appear once an invisible character in the middle of it is gone.
        return text.redact(text.plain(text.redact(message, self._secrets)), self._secrets)

    def lines(self, message: str, prefix: str = "") -> None:
        """Print `message`, each line after `prefix`."""
        for line in text.log_lines(self.safe(message)):
            self._print(prefix + line)

    def titled(self, prefix: str, message: str, *, title: str, file: str) -> None:
        """Print `title` and `file`, as far as given, on one line and `message` below it, each line after `prefix`."""
        heading = " in ".join(part for part in (title, file) if part)
        self.lines("\n".join(part for part in (heading, message) if part), prefix)

    def record(self, **fields: str) -> None:
        """Print one JSON object with these texts; empty ones are left out."""
        safe = {name: self.safe(value) for name, value in fields.items() if value}
        self._print(json.dumps(safe, ensure_ascii=False))

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees the lines at once, in colours."""
        return self._stream.isatty()

    def coloured(self, colour: str, message: str) -> None:
        """Print `message`, if there is any, in a colour of a terminal."""
        for line in text.log_lines(self.safe(message)) if message else ():
            self._print(f"\x1b[{colour}m{line}\x1b[0m")

    def transient(self, message: str) -> None:
        """Show a line that the next one replaces, on a terminal; nothing elsewhere."""
        if not self.is_terminal:
            return
        line = text.cut(text.one_line(self.safe(message)), _WIDTH)
        self._stream.write(f"{_CLEAR_LINE}{line}")
        self._stream.flush()
        self._transient = True

    def command(self, line: str) -> None:
        """Print one line that is a command to the CI; the caller has escaped its parts."""
        self._print(text.redact(line, self._secrets))

    def _print(self, line: str) -> None:
        if self._transient:
            self._stream.write(_CLEAR_LINE)
            self._transient = False
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()
