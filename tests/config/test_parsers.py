"""Parsers: which texts are accepted and as which value, and which are refused with a ValueError."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.config import parsers
from dbt_action.config.parsers import JobPage
from tests.support.values import TOKEN

HOST = "https://ab123.us1.dbt.com"
A_JOB = JobPage(dbt_url=HOST, account_id=1, project_id=2, job_id=3)

# By parser: texts that it accepts, and their values.
ACCEPTED: dict[Callable[[str], Any], dict[str, object]] = {
    parsers.text: {"a b": "a b", "ünïcode": "ünïcode", "": ""},
    parsers.folder: {"dbt": "dbt", "./dbt/": "dbt", "a\\b": "a/b", "/": "", ".": "", "a//b/./c": "a/b/c"},
    parsers.repository: {"acme/shop": "acme/shop", "/group/sub/shop.git": "group/sub/shop", "a b/_git": "a b/_git"},
    parsers.sentence: {"because\nof it": "because of it", "a\x07b": "ab"},
    parsers.token: {"dbtc_x-Y.z": "dbtc_x-Y.z", "user:secret": "user:secret"},
    parsers.boolean: {"true": True, "TRUE": True, "True": True, "false": False},
    parsers.integer: {"1": 1, "70403103922125": 70403103922125, str(2**63 - 1): 2**63 - 1, "007": 7},
    parsers.seconds: {"0": 0, "600": 600},
    parsers.retries: {"0": 0, "3": 3, "10": 10},
    # In bytes.
    parsers.size: {"1B": 1, "3KiB": 3072, "500MiB": 500 * 1024**2, "2GiB": 2 * 1024**3, "2 gib": 2 * 1024**3},
    # Minutes become seconds.
    parsers.minutes: {"300": 18_000.0, "0.5": 30.0, ".5": 30.0, "10080": 604_800.0},
    parsers.interval: {"auto": None, "AUTO": None, "1": 1.0, "2.5": 2.5, "3600": 3600.0},
    parsers.commit: {
        "a" * 40: "a" * 40,
        "A" * 40: "a" * 40,
        "0123456789abcdefABCD0123456789abcdefABCD": "0123456789abcdefabcd0123456789abcdefabcd",
    },
    parsers.branch: {
        "main": "main",
        "refs/heads/main": "main",
        "refs/heads/feature/x": "feature/x",
        "refs/tags/v1.0": "v1.0",
        "heads/main": "heads/main",
        "ünïcode": "ünïcode",
    },
    parsers.pull_request: {"7": 7, "none": 0, "NONE": 0},
    parsers.minutes_or_none: {"0": 0.0, "2.5": 150.0},
    parsers.ignore_patterns: {"*\n\n # x\n!dbt/* ": ("*", "!dbt/*"), "a b": ("a b",), "\\#a": ("\\#a",)},
    parsers.words_or_none: {"[skip dbt]": "[skip dbt]", "none": "", "None": ""},
    parsers.patterns: {"a, b/*\n*.sql": ("a", "b/*", "*.sql"), " ,\n": ()},
    parsers.origin: {
        "https://cloud.getdbt.com": "https://cloud.getdbt.com",
        "https://cloud.getdbt.com/": "https://cloud.getdbt.com",
        "https://cloud.getdbt.com//": "https://cloud.getdbt.com",
        "cloud.getdbt.com": "https://cloud.getdbt.com",
        "ab123.us1.dbt.com": HOST,
        "https://AB123.us1.dbt.com/api": HOST,
        "https://ab123.us1.dbt.com/api/v2/": HOST,
        "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3": HOST,
        "https://dbt.example.com:8443": "https://dbt.example.com:8443",
        "ab123.us1.dbt.com:443/x": "https://ab123.us1.dbt.com:443",
        "http://127.0.0.1:8080": "http://127.0.0.1:8080",
        "http://localhost:8080/": "http://localhost:8080",
        "http://[::1]:8080": "http://[::1]:8080",
        "HTTPS://cloud.getdbt.com": "https://cloud.getdbt.com",
    },
    parsers.job_page: {
        f"{HOST}/deploy/1/projects/2/jobs/3": A_JOB,
        f"{HOST}/deploy/1/projects/2/jobs/3/": A_JOB,
        f"{HOST}/deploy/1/projects/2/jobs/3/settings": A_JOB,
        f"{HOST}/deploy/1/projects/2/jobs/3?tab=runs": A_JOB,
        f"{HOST}/deploy/1/projects/2/jobs/3#top": A_JOB,
        f"{HOST}/next/deploy/1/projects/2/jobs/3": A_JOB,
        f"{HOST}/#/accounts/1/projects/2/jobs/3/": A_JOB,
        f"{HOST}/#!/accounts/1/projects/2/jobs/3/": A_JOB,
        f"{HOST}/deploy/1/jobs/3": JobPage(dbt_url=HOST, account_id=1, job_id=3),
        f"{HOST}/deploy/70403103922125/projects/70403103936332/jobs/70403103937390": JobPage(
            dbt_url=HOST, account_id=70403103922125, project_id=70403103936332, job_id=70403103937390
        ),
    },
}

# By parser: a pattern of the reason, and texts that it refuses.
ACCEPTED |= {
    parsers.run_id: {"7": "7", "70403110257794": "70403110257794", "Latest": "latest", "FOR-COMMIT": "for-commit"},
    parsers.dbt_version: {"latest": "latest", "versionless": "latest", "VERSIONLESS": "latest", "1.11.2": "1.11.2"},
}

REFUSED: dict[Callable[[str], Any], tuple[str, list[str]]] = {
    parsers.text: ("must be one line", ["a\nb", "a\x07b", "a\tb", "a\x00b"]),
    parsers.folder: ("written from its root|one line", ["..", "a/../b", "a\\..", "a\nb"]),
    parsers.repository: (
        "is an address|one line",
        ["https://github.com/acme/shop", "git@github.com:acme/shop", "a\nb"],
    ),
    parsers.token: ("no token has", ["two words", "a\nb", "t0k€n", ""]),
    parsers.size: ("must be a whole number with", ["", "0B", "5", "1.5GiB", "2GB", "-1B", "9" * 13 + "B", "GiB"]),
    parsers.run_id: ("must be a run's number, `latest` or `for-commit`", ["0", "-1", "newest", "1.5", "for commit"]),
    parsers.dbt_version: ("must be one line", ["a\nb"]),
    parsers.boolean: (
        "must be `true` or `false`",
        ["1", "0", "yes", "no", "on", "off", "t", "", " true", "\uff54\uff52\uff55\uff45"],
    ),
    parsers.integer: (
        "positive whole number",
        ["0", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "1 ", "²", "\uff11", "", str(2**63)],
    ),
    parsers.seconds: ("whole number of seconds", ["-1", "1.5", "", "10s", "²", "1" * 10]),
    parsers.retries: ("whole number from 0 to 10", ["-1", "11", "100", "1.5", "", "²"]),
    parsers.minutes: ("minutes", ["0", "0.001", "-1", "10081", "nan", "inf", "1e2", "1,5", "5m", "1.", "٣"]),
    parsers.minutes_or_none: ("minutes", ["-1", "10081", "nan", "5m", ""]),
    parsers.ignore_patterns: ("no pattern|no gitignore pattern", ["", "# x", "!", "*\n!"]),
    parsers.words_or_none: ("one line", ["a\nb", "a\x07b"]),
    parsers.interval: ("or `auto`", ["0", "0.9", "3601", "-5", "nan", "automatic", "10s"]),
    parsers.commit: (
        "40 hexadecimal digits",
        ["a" * 39, "a" * 41, "a" * 7, "g" * 40, "main", "a" * 40 + "\n", "a" * 64],
    ),
    parsers.branch: ("name of a branch|one line", ["a b", "a\tb", "a\nb", "refs/heads/", "a\u00a0b"]),
    parsers.pull_request: ("or `none`", ["0", "#7", "7/merge", "no", ""]),
    parsers.steps: (
        "list of commands",
        ["[]", '["dbt run", 1]', '["dbt run", ""]', "[dbt run", '[["dbt run"]]', '[{"a": 1}]'],
    ),
    parsers.origin: (
        "address with https|one line",
        [
            "http://cloud.getdbt.com",
            "http://localhost.evil.example",
            "http://x.localhost",
            "http://127.0.0.1.evil.example",
            "ftp://cloud.getdbt.com",
            "file:///etc/passwd",
            "javascript://x",
            "https://",
            "https:///x",
            "https://user:pass@cloud.getdbt.com",
            f"https://{TOKEN}@cloud.getdbt.com",
            "https://cloud.getdbt.com@evil.example",
            "https://cloud getdbt.com",
            "https://cloud.getdbt.com:port",
            "https://cloud.getdbt.com:99999",
            "https://cloud.getdbt.com\\@evil.example",
            "https://a\nb",
            "${{ vars.URL }}",
            "https://[::1",
        ],
    ),
    parsers.job_page: (
        "must be",
        [
            HOST,
            f"{HOST}/deploy/1/projects/2/runs/3",
            f"{HOST}/deploy/1/projects/2/jobs/",
            f"{HOST}/deploy/1/projects/2/jobs/abc",
            f"{HOST}/deploy/x/projects/2/jobs/3",
            f"{HOST}/deploy/0/projects/2/jobs/3",
            f"{HOST}/deploy/1/projects/2/jobs/{2**63}",
            "http://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3",
            "/deploy/1/projects/2/jobs/3",
            "3",
        ],
    ),
}


def name_of(parser: object) -> str:
    return getattr(parser, "__name__", "")


@pytest.mark.parametrize("parser", ACCEPTED, ids=name_of)
def test_parser__accepts(parser: Callable[[str], Any]) -> None:
    for raw, expected in ACCEPTED[parser].items():
        value = parser(raw)

        assert (type(expected), expected) == (type(value), value), repr(raw)


@pytest.mark.parametrize("parser", REFUSED, ids=name_of)
def test_parser__refuses(parser: Callable[[str], Any]) -> None:
    reason, texts = REFUSED[parser]
    for raw in texts:
        try:
            value = parser(raw)
        except ValueError as error:
            problem = str(error)
        else:
            problem = f"accepted {raw!r} as {value!r}"
        assert re.search(reason, problem), f"{raw!r}: {problem}"


# Texts that have confused parsers before, in addition to those that hypothesis makes.
NASTY = st.sampled_from(
    [
        "[" * 5_000,
        "[[[[",
        "- - - -",
        "&a [*a]",
        "!!python/object/apply:os.system ['true']",
        "[!!binary x]",
        "[2024-99-99]",
        "[{}: 1]",
        "http://[::1",
        "http://[::1]:99999",
        "https://a:b@c",
        "https://\u2100.example",
        "\ud800",
        "1" * 5_000,
        "\uff11",
        "²",
        "://",
        "%",
        '"\\x"',
        "'",
        "nan",
        "-0",
    ]
)


# Every function that a type of input is parsed with.
PARSERS = sorted({*ACCEPTED, *REFUSED}, key=name_of)


def test_parsers__all_are_tested() -> None:
    named = {name for name, value in vars(parsers).items() if inspect.isfunction(value) and not name.startswith("_")}

    # Imported, and those with more parameters than the text.
    assert named - {"one_line", "urlsplit", "dataclass", "is_loopback"} - {"choice", "number"} == {
        name_of(one) for one in PARSERS
    }


@pytest.mark.parametrize("parser", PARSERS, ids=name_of)
@given(raw=st.text() | NASTY)
def test_parser__any_text_is_accepted_or_refused_with_a_sentence(parser: Callable[[str], Any], raw: str) -> None:
    problem = "."
    try:
        parser(raw)
    except ValueError as error:
        problem = str(error)
    assert problem.endswith(".")


def test_choice__ignores_case_and_lists_the_choices() -> None:
    assert "on-failure" == parsers.choice("On-Failure", ("never", "on-failure"))
    with pytest.raises(ValueError, match="must be one of `never`, `on-failure`"):
        parsers.choice("on_failure", ("never", "on-failure"))


@given(st.integers(1, 2**63 - 1))
def test_integer__accepts_every_id(number: int) -> None:
    assert number == parsers.integer(str(number))


@given(st.text())
def test_minutes_and_interval__are_finite(raw: str) -> None:
    for parser in (parsers.minutes, parsers.interval):
        try:
            value = parser(raw)
        except ValueError:
            continue
        assert value is None or math.isfinite(value)


@pytest.mark.parametrize(
    "raw, expected",
    [
        pytest.param("dbt build", ("dbt build",), id="one command"),
        pytest.param("dbt seed\ndbt run", ("dbt seed", "dbt run"), id="lines"),
        pytest.param("dbt seed\r\ndbt run\r\n", ("dbt seed", "dbt run"), id="lines with CR LF"),
        pytest.param("- dbt seed\n- dbt run", ("dbt seed", "dbt run"), id="a YAML list"),
        pytest.param("\n  -   dbt seed  \n\n  - dbt run\n", ("dbt seed", "dbt run"), id="a YAML list with blanks"),
        pytest.param("# first\ndbt seed\n# then\ndbt run", ("dbt seed", "dbt run"), id="with comments"),
        pytest.param('["dbt seed", "dbt run"]', ("dbt seed", "dbt run"), id="JSON"),
        pytest.param("[dbt seed, dbt run]", ("dbt seed", "dbt run"), id="YAML on one line"),
        pytest.param("['dbt seed',\n 'dbt run']", ("dbt seed", "dbt run"), id="YAML with quotes"),
        pytest.param("- \"dbt seed\"\n- 'dbt run'", ("dbt seed", "dbt run"), id="a quoted list"),
        pytest.param('dbt run --vars \'{"a": "b c"}\'', ('dbt run --vars \'{"a": "b c"}\'',), id="quotes in a command"),
        pytest.param(
            "- dbt run --vars '{\"a\": 1}'\n- dbt test",
            ("dbt run --vars '{\"a\": 1}'", "dbt test"),
            id="quotes in a list",
        ),
        pytest.param('dbt run --select "a b"', ('dbt run --select "a b"',), id="quotes at the end"),
        pytest.param("dbt ls --select a,b+", ("dbt ls --select a,b+",), id="commas"),
        pytest.param("dbt run -s tag:x # y", ("dbt run -s tag:x # y",), id="a number sign within"),
        pytest.param("-dbt run", ("-dbt run",), id="a dash without a blank"),
    ],
)
def test_steps__accepts(raw: str, expected: tuple[str, ...]) -> None:
    assert expected == parsers.steps(raw)


def test_steps__comments_alone_are_no_commands() -> None:
    for raw in ("#", "# dbt run\n#", "\n"):
        with pytest.raises(ValueError, match="no command"):
            parsers.steps(raw)


COMMAND = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).map(str.strip).filter(bool)


@given(st.lists(COMMAND, min_size=1))
def test_steps__a_json_list_is_not_changed(steps: list[str]) -> None:
    assert tuple(steps) == parsers.steps(json.dumps(steps))


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), st.sampled_from(["", "- "]))
def test_steps__a_command_per_line_is_not_changed(options: str, dash: str) -> None:
    """Whatever follows `dbt build`: quotes, brackets, number signs."""
    command = f"dbt build {options}".strip()

    assert (command, "dbt test") == parsers.steps(f"{dash}{command}\n{dash}dbt test")


@given(st.text() | NASTY)
def test_origin__is_a_scheme_and_a_host(raw: str) -> None:
    try:
        origin = parsers.origin(raw)
    except ValueError:
        return
    assert origin.startswith(("https://", "http://"))
    assert 2 == origin.count("/")
    assert not set(origin) & set("@?# \t\r\n\\")


@given(st.text())
def test_token__can_be_sent_in_a_header(raw: str) -> None:
    try:
        token = parsers.token(raw)
    except ValueError:
        return
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token
