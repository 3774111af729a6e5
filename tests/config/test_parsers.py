"""The text of each kind of input: what is taken and as what, what is refused; never another exception."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_action.config import parsers
from dbt_action.config.inputs import INPUTS
from tests.support.values import TOKEN

PARSERS: dict[str, Callable[[str], Any]] = {
    "text": parsers.text,
    "sentence": parsers.sentence,
    "token": parsers.token,
    "boolean": parsers.boolean,
    "integer": parsers.integer,
    "minutes": parsers.minutes,
    "interval": parsers.interval,
    "commit": parsers.commit,
    "branch": parsers.branch,
    "pull_request": parsers.pull_request,
    "patterns": parsers.patterns,
    "steps": parsers.steps,
    "origin": parsers.origin,
    "job_page": parsers.job_page,
}

# Things that have confused parsers before, next to what hypothesis thinks of.
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


@pytest.mark.parametrize("name", PARSERS)
@given(raw=st.text() | NASTY)
def test_any_text__is_a_value_or_a_problem(name: str, raw: str) -> None:
    problem = "."
    try:
        PARSERS[name](raw)
    except ValueError as error:
        problem = str(error)
    assert problem.endswith(".")


@pytest.mark.parametrize("raw, expected", [("true", True), ("TRUE", True), ("True", True), ("false", False)])
def test_boolean__taken(raw: str, expected: bool) -> None:  # noqa: FBT001
    assert expected is parsers.boolean(raw)


@pytest.mark.parametrize("raw", ["1", "0", "yes", "no", "on", "off", "t", "", " true", "\uff54\uff52\uff55\uff45"])
def test_boolean__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="true"):
        parsers.boolean(raw)


@given(st.integers(1, 2**63 - 1))
def test_integer__every_id(number: int) -> None:
    assert number == parsers.integer(str(number))


@pytest.mark.parametrize("raw", ["0", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "1 ", "²", "\uff11", "", str(2**63)])
def test_integer__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        parsers.integer(raw)


@pytest.mark.parametrize("raw, expected", [("300", 300.0), ("0.5", 0.5), (".5", 0.5), ("10080", 10_080.0)])
def test_minutes__taken(raw: str, expected: float) -> None:
    assert expected == parsers.minutes(raw)


@pytest.mark.parametrize("raw", ["0", "0.001", "-1", "10081", "nan", "inf", "1e2", "1,5", "5m", "1.", "٣"])
def test_minutes__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="minutes"):
        parsers.minutes(raw)


@pytest.mark.parametrize("raw, expected", [("auto", None), ("AUTO", None), ("1", 1.0), ("2.5", 2.5), ("3600", 3600.0)])
def test_interval__taken(raw: str, expected: float | None) -> None:
    assert expected == parsers.interval(raw)


@pytest.mark.parametrize("raw", ["0", "0.9", "3601", "-5", "nan", "automatic", "10s"])
def test_interval__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="auto"):
        parsers.interval(raw)


@given(st.text())
def test_numbers__are_finite(raw: str) -> None:
    for parser in (parsers.minutes, parsers.interval):
        try:
            value = parser(raw)
        except ValueError:
            continue
        assert value is None or math.isfinite(value)


@pytest.mark.parametrize("raw", ["a" * 40, "A" * 40, "0123456789abcdefABCD0123456789abcdefABCD"])
def test_commit__taken_in_lower_case(raw: str) -> None:
    assert raw.lower() == parsers.commit(raw)


@pytest.mark.parametrize("raw", ["a" * 39, "a" * 41, "a" * 7, "g" * 40, "main", "a" * 40 + "\n", "a" * 64])
def test_commit__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="40 hexadecimal digits"):
        parsers.commit(raw)


@pytest.mark.parametrize(
    "raw, expected",
    [
        ("main", "main"),
        ("refs/heads/main", "main"),
        ("refs/heads/feature/x", "feature/x"),
        ("refs/tags/v1.0", "v1.0"),
        ("heads/main", "heads/main"),
        ("ünïcode", "ünïcode"),
    ],
)
def test_branch__taken(raw: str, expected: str) -> None:
    assert expected == parsers.branch(raw)


@pytest.mark.parametrize("raw", ["a b", "a\tb", "a\nb", "refs/heads/", "a\u00a0b"])
def test_branch__refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"branch|one line"):
        parsers.branch(raw)


@pytest.mark.parametrize("raw, expected", [("7", 7), ("none", 0), ("NONE", 0)])
def test_pull_request__taken(raw: str, expected: int) -> None:
    assert expected == parsers.pull_request(raw)


@pytest.mark.parametrize("raw", ["0", "#7", "7/merge", "no", ""])
def test_pull_request__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="none"):
        parsers.pull_request(raw)


@pytest.mark.parametrize(
    "raw, expected",
    [
        pytest.param("dbt build", ("dbt build",), id="one"),
        pytest.param("dbt seed\ndbt run", ("dbt seed", "dbt run"), id="lines"),
        pytest.param("dbt seed\r\ndbt run\r\n", ("dbt seed", "dbt run"), id="lines of Windows"),
        pytest.param("- dbt seed\n- dbt run", ("dbt seed", "dbt run"), id="a list of YAML"),
        pytest.param("\n  -   dbt seed  \n\n  - dbt run\n", ("dbt seed", "dbt run"), id="an untidy list"),
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
def test_steps__taken(raw: str, expected: tuple[str, ...]) -> None:
    assert expected == parsers.steps(raw)


@pytest.mark.parametrize("raw", ["[]", '["dbt run", 1]', '["dbt run", ""]', "[dbt run", '[["dbt run"]]', '[{"a": 1}]'])
def test_steps__broken_lists(raw: str) -> None:
    with pytest.raises(ValueError, match="list of commands"):
        parsers.steps(raw)


@pytest.mark.parametrize("raw", ["#", "# dbt run\n#", "\n"])
def test_steps__nothing(raw: str) -> None:
    with pytest.raises(ValueError, match="no command"):
        parsers.steps(raw)


COMMAND = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).map(str.strip).filter(bool)


@given(st.lists(COMMAND, min_size=1))
def test_steps__json_survives_as_it_is(steps: list[str]) -> None:
    assert tuple(steps) == parsers.steps(json.dumps(steps))


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), st.sampled_from(["", "- "]))
def test_steps__commands_survive_as_lines(options: str, dash: str) -> None:
    """Whatever stands behind `dbt build`: quotes, brackets, number signs."""
    command = f"dbt build {options}".strip()

    assert (command, "dbt test") == parsers.steps(f"{dash}{command}\n{dash}dbt test")


@pytest.mark.parametrize(
    "raw, expected",
    [
        ("https://cloud.getdbt.com", "https://cloud.getdbt.com"),
        ("https://cloud.getdbt.com/", "https://cloud.getdbt.com"),
        ("https://cloud.getdbt.com//", "https://cloud.getdbt.com"),
        ("cloud.getdbt.com", "https://cloud.getdbt.com"),
        ("ab123.us1.dbt.com", "https://ab123.us1.dbt.com"),
        ("https://AB123.us1.dbt.com/api", "https://ab123.us1.dbt.com"),
        ("https://ab123.us1.dbt.com/api/v2/", "https://ab123.us1.dbt.com"),
        ("https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3", "https://ab123.us1.dbt.com"),
        ("https://dbt.example.com:8443", "https://dbt.example.com:8443"),
        ("ab123.us1.dbt.com:443/x", "https://ab123.us1.dbt.com:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTPS://cloud.getdbt.com", "https://cloud.getdbt.com"),
    ],
)
def test_origin__taken(raw: str, expected: str) -> None:
    assert expected == parsers.origin(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "http://cloud.getdbt.com",
        "http://localhost.evil.example",
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
)
def test_origin__refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"address of dbt Cloud|one line"):
        parsers.origin(raw)


@given(st.text() | NASTY)
def test_origin__is_scheme_and_host_only(raw: str) -> None:
    try:
        origin = parsers.origin(raw)
    except ValueError:
        return
    assert origin.startswith(("https://", "http://"))
    assert 2 == origin.count("/")
    assert not set(origin) & set("@?# \t\r\n\\")


NUMBERS = {"account-id": 1, "project-id": 2, "job-id": 3}


@pytest.mark.parametrize(
    "path, expected",
    [
        pytest.param("/deploy/1/projects/2/jobs/3", NUMBERS, id="today"),
        pytest.param("/deploy/1/projects/2/jobs/3/", NUMBERS, id="with a slash"),
        pytest.param("/deploy/1/projects/2/jobs/3/settings", NUMBERS, id="a page below"),
        pytest.param("/deploy/1/projects/2/jobs/3?tab=runs", NUMBERS, id="with a query"),
        pytest.param("/deploy/1/projects/2/jobs/3#top", NUMBERS, id="with a fragment"),
        pytest.param("/next/deploy/1/projects/2/jobs/3", NUMBERS, id="next"),
        pytest.param("/#/accounts/1/projects/2/jobs/3/", NUMBERS, id="with a number sign"),
        pytest.param("/#!/accounts/1/projects/2/jobs/3/", NUMBERS, id="with number sign and exclamation mark"),
        pytest.param("/deploy/1/jobs/3", {"account-id": 1, "job-id": 3}, id="without a project"),
        pytest.param(
            "/deploy/70403103922125/projects/70403103936332/jobs/70403103937390",
            {"account-id": 70403103922125, "project-id": 70403103936332, "job-id": 70403103937390},
            id="64 bits",
        ),
    ],
)
def test_job_page__every_form_of_its_address(path: str, expected: dict[str, int]) -> None:
    host = "https://ab123.us1.dbt.com"

    assert {"dbt-url": host, **expected} == parsers.job_page(host + path)


@pytest.mark.parametrize(
    "raw",
    [
        "https://ab123.us1.dbt.com",
        "https://ab123.us1.dbt.com/deploy/1/projects/2/runs/3",
        "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/",
        "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/abc",
        "https://ab123.us1.dbt.com/deploy/x/projects/2/jobs/3",
        "https://ab123.us1.dbt.com/deploy/0/projects/2/jobs/3",
        f"https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/{2**63}",
        "http://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3",
        "/deploy/1/projects/2/jobs/3",
        "3",
    ],
)
def test_job_page__refused(raw: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parsers.job_page(raw)


@given(st.text())
def test_token__fits_into_a_header(raw: str) -> None:
    try:
        token = parsers.token(raw)
    except ValueError:
        return
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token


def test_every_input_has_a_name_of_its_own() -> None:
    """No environment variable can mean two inputs."""
    found = [variable for row in INPUTS for variable in row.variables()]

    assert len(set(found)) == len(found)
