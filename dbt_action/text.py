"""Pure functions that make untrusted text safe for terminals, CI logs and Markdown, and format numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timezone
from typing import Any

# CSI, OSC and two-character escape sequences (ECMA-48); dbt colours its log with CSI sequences.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?|\x9b[0-?]*[ -/]*[@-~]")
# Everything that some program treats as the end of a line; GitHub's runner does so with a lone CR.
_LINE_END = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Control characters, and characters that reorder or hide text.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
# `##[command]` (GitHub, Azure) and `##vso[…]` (Azure) are commands anywhere in a line, `::command::` at its start.
_HASH_COMMAND = re.compile(r"##(?=\[|vso\[)", re.IGNORECASE)
_COLON_COMMAND = re.compile(r"^(\s*):(?=:)")
# Without the characters that would end the link in Markdown or in HTML.
_WEB_ADDRESS = re.compile(r"https?://[^\s()<>\[\]\\\"'`|]+")
_CODE = re.compile("`([^`|<>\\\\]+)`")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~>-])")


def plain(text: str) -> str:
    """`text` without colours and invisible characters, and with the line feed as its only line end."""
    return _INVISIBLE.sub("", _LINE_END.sub("\n", _ANSI.sub("", text)))


def one_line(text: str) -> str:
    """`plain(text)` on a single line; each run of white space becomes one blank."""
    return " ".join(plain(text).split())


def log_lines(text: str) -> list[str]:
    """`text` as lines that no CI interprets as commands."""
    return [defuse(line) for line in plain(text).split("\n")]


def defuse(line: str) -> str:
    """`line` with a blank inserted into what a CI would interpret as a command."""
    return _COLON_COMMAND.sub(r"\1: ", _HASH_COMMAND.sub("# #", line))


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced by `***`."""
    # The longest first, since one secret may contain another. Repeated, since a replacement may bring parts of a
    # secret together.
    wanted = sorted((secret for secret in secrets if secret.strip("*")), key=len, reverse=True)
    while any(secret in text for secret in wanted):
        for secret in wanted:
            text = text.replace(secret, "***")
    return text


def scrub(value: Any, secrets: Iterable[str]) -> Any:  # noqa: ANN401 - the same type comes out
    """`value` with the secrets redacted in every text of it, through dataclasses, tuples and mappings.

    To be called before text is escaped: an escaped secret would not be found.
    """
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, tuple):
        return tuple(scrub(item, secrets) for item in value)
    if isinstance(value, Mapping):
        return {key: scrub(item, secrets) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{part.name: scrub(getattr(value, part.name), secrets) for part in fields(value)})
    return value


def cut(text: str, length: int) -> str:
    """At most `length` characters; text that was longer ends with an ellipsis."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def cut_bytes(text: str, size: int) -> str:
    """At most `size` bytes of UTF-8; text that was longer ends with an ellipsis."""
    raw = text.encode("utf-8", "replace")
    ellipsis = "…"
    return text if len(raw) <= size else raw[: size - len(ellipsis.encode())].decode("utf-8", "ignore") + ellipsis


def markdown(text: str) -> str:
    """`text` as one line of Markdown that is shown literally: no markup, no HTML, no mentions."""
    return _escaped(one_line(text))


def _escaped(line: str) -> str:
    safe = line.replace("&", "&amp;").replace("<", "&lt;")
    # GitHub looks for mentions after it has resolved escapes and entities, so `&#64;` would not prevent one.
    return _MARKDOWN.sub(r"\\\1", safe).replace("@", "@&#8203;")


def sentence(text: str) -> str:
    """`markdown(text)`, except that text between backticks is shown as code."""
    parts = _CODE.split(one_line(text))
    return "".join(f"`{part}`" if number % 2 else _escaped(part) for number, part in enumerate(parts))


def link(label: str, url: str) -> str:
    """A Markdown link; only the label when `url` is not a plain web address."""
    return f"[{markdown(label)}]({url})" if _WEB_ADDRESS.fullmatch(url) else markdown(label)


def code_block(text: str, language: str = "text") -> str:
    """A fenced block whose fence is longer than any run of backticks in `text`."""
    body = plain(text).strip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"{fence}{language}\n{body}\n{fence}"


def duration(seconds: float) -> str:
    """`42s`, `3m 12s` or `1h 04m`."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {whole % 60:02}s" if minutes else f"{whole}s"


def unix_time(timestamp: str) -> float | None:
    """Unix time of an ISO timestamp, UTC where it names no zone.

    Python 3.10 reads neither `Z` nor a fraction with other than three or six digits.
    """
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d:\d\d))?", timestamp)
    if not match:
        return None
    try:
        whole = datetime.fromisoformat(match[1] + (match[3] or "+00:00"))
    except ValueError:
        return None
    return whole.timestamp() + float(f"0.{match[2] or 0}")


def time_of_day(moment: float, now: float) -> str:
    """`06:00 UTC` for a Unix time on the day of `now`, `2026-11-25 06:00 UTC` for one on another day."""
    then, today = (datetime.fromtimestamp(seconds, tz=timezone.utc) for seconds in (moment, now))
    return f"{then:%H:%M} UTC" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M} UTC"


def size(count: int) -> str:
    """`812 bytes`, `3.4 MB`."""
    if count < 1e3:  # noqa: PLR2004 - the smallest of the units below
        return plural(count, "byte")
    units = (("kB", 1e3), ("MB", 1e6), ("GB", 1e9))
    unit, worth = next((pair for pair in reversed(units) if count >= pair[1]), units[0])
    return f"{count / worth:.1f} {unit}"


def binary_size(count: int) -> str:
    """`2 GiB`, `1536 MiB`: the largest unit in which it is a whole number, as the input `artifacts-max-size` has it."""
    units = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
    unit, worth = next((pair for pair in units if count % pair[1] == 0), ("B", 1))
    return f"{count // worth} {unit}"


def plural(count: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
