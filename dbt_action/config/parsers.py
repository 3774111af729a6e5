"""One function for each type of input: parses the text that a user wrote, or raises ValueError with the reason.

A reason follows the name of the input and its value: "must be …", "is …".
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from dbt_action.addresses import is_loopback
from dbt_action.text import one_line

MAX_ID = 2**63 - 1
MAX_INTERVAL = 3600.0
# A week; every CI stops a job earlier.
MAX_MINUTES = 7 * 24 * 60.0
# Each retry costs warehouse time, and more of them would hide that the job is broken.
MAX_RETRIES = 10

_BYTES = {"b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
# Values of `run-id` that are no number.
LATEST, FOR_COMMIT = "latest", "for-commit"
VERSIONLESS = "versionless"
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """What the address of a job's page in dbt Cloud says."""

    dbt_url: str
    account_id: int
    job_id: int
    project_id: int | None = None


def text(raw: str) -> str:
    """One line of text, unchanged."""
    if any(ord(character) < ord(" ") for character in raw):
        message = "must be one line without control characters."
        raise ValueError(message)
    return raw


def folder(raw: str) -> str:
    """A folder of the repository in the form that annotations need: `dbt` for `./dbt/`, "" for the root."""
    parts = [part for part in text(raw).replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        message = "must be a folder of the repository, written from its root."
        raise ValueError(message)
    return "/".join(parts)


def repository(raw: str) -> str:
    """`owner/name`, or a name with more parts as on GitLab; an address is refused."""
    if "://" in raw or "@" in raw:
        message = "is an address; give only its path, such as `acme/shop`."
        raise ValueError(message)
    return text(raw).strip("/").removesuffix(".git")


def sentence(raw: str) -> str:
    """Text for people; line ends and invisible characters are removed instead of refused."""
    return one_line(raw)


def token(raw: str) -> str:
    """A token that can be sent in an HTTP header."""
    if not re.fullmatch("[!-~]+", raw):
        message = "contains blanks, line ends or other characters that no token has. Store it again, alone on one line."
        raise ValueError(message)
    return raw


def boolean(raw: str) -> bool:
    """`true` or `false` in any case; no other words."""
    if raw.casefold() not in _BOOLEANS:
        message = "must be `true` or `false`."
        raise ValueError(message)
    return _BOOLEANS[raw.casefold()]


def integer(raw: str) -> int:
    """A positive 64-bit integer in ASCII digits."""
    if not re.fullmatch("[0-9]{1,19}", raw) or not 0 < int(raw) <= MAX_ID:
        message = "must be a positive whole number."
        raise ValueError(message)
    return int(raw)


def seconds(raw: str) -> int:
    """Whole seconds, 0 allowed."""
    if not re.fullmatch("[0-9]{1,9}", raw):
        message = "must be a whole number of seconds."
        raise ValueError(message)
    return int(raw)


def retries(raw: str) -> int:
    """A whole number of retries."""
    if not re.fullmatch("[0-9]{1,2}", raw) or int(raw) > MAX_RETRIES:
        message = f"must be a whole number from 0 to {MAX_RETRIES}."
        raise ValueError(message)
    return int(raw)


def size(raw: str) -> int:
    """A whole number with its unit, such as `500MiB`; returned in bytes."""
    match = re.fullmatch("([0-9]{1,12}) ?(B|KiB|MiB|GiB)", raw, re.IGNORECASE)
    if not match or int(match[1]) == 0:
        message = "must be a whole number with `B`, `KiB`, `MiB` or `GiB`, such as `500MiB`."
        raise ValueError(message)
    return int(match[1]) * _BYTES[match[2].casefold()]


def choice(raw: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, in any case."""
    if raw.casefold() not in choices:
        message = f"must be one of {', '.join(f'`{choice}`' for choice in choices)}."
        raise ValueError(message)
    return raw.casefold()


def minutes(raw: str) -> float:
    """A number of minutes, decimals allowed; returned in seconds."""
    return number(raw, "minutes", 0.01, MAX_MINUTES) * 60


def minutes_or_none(raw: str) -> float:
    """A number of minutes, 0 for none, decimals allowed; returned in seconds."""
    return number(raw, "minutes", 0, MAX_MINUTES) * 60


def number(raw: str, unit: str, low: float, high: float) -> float:
    """A decimal number from `low` to `high`."""
    value = float(raw) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?|\.[0-9]{1,12}", raw) else math.nan
    if not low <= value <= high:
        message = f"must be a number of {unit} from {low:g} to {high:g}."
        raise ValueError(message)
    return value


def interval(raw: str) -> float | None:
    """Seconds, or None for `auto`."""
    if raw.casefold() == "auto":
        return None
    try:
        return number(raw, "seconds", 1, MAX_INTERVAL)
    except ValueError as error:
        message = f"{str(error).rstrip('.')}, or `auto`."
        raise ValueError(message) from None


def commit(raw: str) -> str:
    """A full commit hash, in lower case."""
    if not re.fullmatch("[0-9a-fA-F]{40}", raw):
        message = "must be a full commit hash of 40 hexadecimal digits. For a branch or tag use `branch`."
        raise ValueError(message)
    return raw.lower()


def branch(raw: str) -> str:
    """The name of a branch or tag, without `refs/…/`."""
    name = text(raw).removeprefix("refs/heads/").removeprefix("refs/tags/")
    if not name or any(character.isspace() for character in name):
        message = "must be the name of a branch or tag, without blanks."
        raise ValueError(message)
    return name


def pull_request(raw: str) -> int:
    """A pull request's number; 0 for `none`."""
    if raw.casefold() == "none":
        return 0
    try:
        return integer(raw)
    except ValueError:
        message = "must be a pull request's number or `none`."
        raise ValueError(message) from None


def run_id(raw: str) -> str:
    """A run's number, `latest` or `for-commit`."""
    if raw.casefold() in (LATEST, FOR_COMMIT):
        return raw.casefold()
    try:
        return str(integer(raw))
    except ValueError:
        message = f"must be a run's number, `{LATEST}` or `{FOR_COMMIT}`."
        raise ValueError(message) from None


def dbt_version(raw: str) -> str:
    """A version or release track; dbt Cloud has replaced `versionless` by `latest` (release notes)."""
    return "latest" if raw.casefold() == VERSIONLESS else text(raw)


def patterns(raw: str) -> tuple[str, ...]:
    """Names or globs, one per line or comma-separated."""
    return tuple(name for part in re.split(r"[,\n]", raw) if (name := part.strip()))


def ignore_patterns(raw: str) -> tuple[str, ...]:
    """Patterns as in a .gitignore file, one per line, without blank lines and comments."""
    import pathspec  # noqa: PLC0415 - few pipelines need it, and importing it would make every start slower

    patterns = tuple(line.strip() for line in raw.splitlines() if line.strip() and not line.strip().startswith("#"))
    try:
        pathspec.PathSpec.from_lines("gitwildmatch", patterns)
    except ValueError as error:
        message = f"has a line that is no gitignore pattern: {one_line(str(error))}."
        raise ValueError(message) from None
    if not patterns:
        message = "has no pattern."
        raise ValueError(message)
    return patterns


def words_or_none(raw: str) -> str:
    """One line of text; "" for `none`."""
    return "" if raw.casefold() == "none" else text(raw)


def steps(raw: str) -> tuple[str, ...]:
    """Commands from a JSON or YAML list, or one per line; quotes within a command are kept."""
    if raw.startswith("["):
        return _listed_steps(raw)
    lines = (re.sub(r"^-\s+", "", line.strip()).strip() for line in raw.splitlines())
    steps = tuple(_unquoted(line) for line in lines if line and not line.startswith("#"))
    if not steps:
        message = "contains no command."
        raise ValueError(message)
    return steps


def _listed_steps(raw: str) -> tuple[str, ...]:
    message = 'looks like a list, but is not a JSON or YAML list of commands such as ["dbt seed", "dbt run"].'
    try:
        listed = json.loads(raw)
    except (ValueError, RecursionError):
        listed = _yaml(raw)
    if not isinstance(listed, list) or not listed or not all(isinstance(step, str) and step.strip() for step in listed):
        raise ValueError(message)
    return tuple(step.strip() for step in listed)


def _unquoted(line: str) -> str:
    """`line` without its quotes if it is one quoted YAML scalar; unchanged otherwise."""
    if len(line) > 1 and line[0] == line[-1] and line[0] in "'\"":
        value = _yaml(line)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return line


def _yaml(raw: str) -> Any:  # noqa: ANN401 - whatever the user wrote; the callers check it
    import yaml  # noqa: PLC0415 - few pipelines need it, and importing it would make every start slower

    try:
        return yaml.safe_load(raw)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def origin(raw: str) -> str:
    """Scheme and host, from a host name, the root of the API or the address of any of its pages."""
    message = "must be an address with https, such as https://ab123.us1.dbt.com (http only for this machine)."
    url = _split(text(raw) if "://" in raw else f"https://{text(raw)}")
    if url is None or not url.hostname or "@" in url.netloc or re.search(r"\s", url.netloc):
        raise ValueError(message)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname)):
        raise ValueError(message)
    return f"{url.scheme}://{url.netloc.lower()}"


def _split(raw: str) -> SplitResult | None:
    try:
        url = urlsplit(raw)
        _ = url.port  # raises ValueError for a port that is not a number
    except ValueError:
        return None
    return url if re.fullmatch(r"[\w.\-:\[\]]+", url.netloc, re.ASCII) else None


def job_page(raw: str) -> JobPage:
    """The parts of the address of a job's page.

    dbt Cloud has used three forms: `/deploy/1/projects/2/jobs/3`, `/next/deploy/…` and
    `/#/accounts/1/projects/2/jobs/3/`.
    """
    account_id, project_id, job_id = (_number_after(words, raw) for words in ("deploy|accounts", "projects", "jobs"))
    if account_id is None or job_id is None:
        message = "must be the address of a job's page, such as https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3."
        raise ValueError(message)
    return JobPage(dbt_url=origin(raw), account_id=account_id, job_id=job_id, project_id=project_id)


def _number_after(words: str, path: str) -> int | None:
    match = re.search(rf"/(?:{words})/([0-9]+)(?=[/?#]|$)", path)
    return integer(match[1]) if match else None
