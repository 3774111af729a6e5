"""The log of the build: in every line secrets are replaced, and commands to a CI from outside are broken."""

from __future__ import annotations

from typing import TextIO

from dbt_action import text


class Log:
    """Writes lines to a stream; no secret is printed, and no text from outside is a command to the CI."""

    def __init__(self, stream: TextIO) -> None:
        """No secret is known yet: call `mask` before anything is printed."""
        self._stream = stream
        self._secrets: tuple[str, ...] = ()

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

    def command(self, line: str) -> None:
        """Print one line that is a command to the CI; the caller has escaped its parts."""
        self._print(text.redact(line, self._secrets))

    def _print(self, line: str) -> None:
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()
