"""The only door to the log: every line is redacted and defused here; commands of a CI are built by its own module."""

from __future__ import annotations

from typing import TextIO

from dbt_action import text


class Log:
    """Lines on a stream. Text from outside cannot speak to the CI through it, and secrets do not pass."""

    def __init__(self, stream: TextIO) -> None:
        """Secrets are added as soon as they are known, before anything is printed."""
        self._stream = stream
        self.secrets: tuple[str, ...] = ()

    def safe(self, message: str) -> str:
        """`message` without secrets, colours and invisible characters."""
        return text.redact(text.plain(text.redact(message, self.secrets)), self.secrets)

    def lines(self, message: str, prefix: str = "") -> None:
        """Print `message`, each line behind `prefix`."""
        for line in text.log_lines(self.safe(message)):
            self._print(prefix + line)

    def command(self, line: str) -> None:
        """Print one line that the CI is meant to obey; its parts have been escaped by the caller."""
        self._print(text.redact(line, self.secrets))

    def _print(self, line: str) -> None:
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()
