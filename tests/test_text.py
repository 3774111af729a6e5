"""`text`: whatever untrusted text contains, no command, colour, markup or secret of it has an effect."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbt_action import text
from tests.support.runner import azure_commands, commands, lines

# Parts of commands, escape sequences and markup, in any order.
PIECES = st.lists(
    st.sampled_from(
        [
            *["::", ":", "#", "##", "##[", "##vso[", "##VSO[", "[", "]", "vso[", "%0A", "%0D", "%25", "%"],
            *["error", "add-mask", "set-output name=x", "stop-commands", "task.setvariable", "command", "group"],
            *["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"],
            *["\x1b[31m", "\x1b[0m", "\x1b", "\x1b]0;t\x07", "\x9b1m", "\x00", "\x07", "\b", "\x7f", "\ufeff"],
            *["\u200b", "\u200d", "\u202e", "\u2066", " ", "\t", "\u00a0", "\u3000", "\u180e"],
            *["`", "```", "````", "~~~", "<", ">", "&", "*", "_", "|", "@octocat", "!", "(", ")", "\\", "-", "+", "1."],
            *["<!--", "-->", "</details>", "https://evil.example/", "javascript:", "$(x)", "${{ x }}", "é", "💥"],
            "dbt",
        ]
    ),
    max_size=12,
).map("".join)
ANY = st.text() | PIECES


@given(ANY)
@example("\x1b[31m::error::x")
@example("a\r::error::x")
@example("##\x1b[0m[error]x")
@example("#\u200b#[error]x")
@example("\u3000::error::x")
@example("###[error]x")
@example("##[##[error]x]")
def test_log_lines__contain_no_command(untrusted: str) -> None:
    printed = "\n".join(text.log_lines(untrusted)) + "\n"

    assert [] == commands(printed)
    assert [] == azure_commands(printed)


@given(ANY)
def test_log_lines__are_single_lines(untrusted: str) -> None:
    for line in text.log_lines(untrusted):
        assert [line] == lines(line)
        assert len(line.splitlines()) <= 1


@given(ANY)
def test_log_lines__change_only_white_space_of_plain_text(untrusted: str) -> None:
    printed = re.sub(r"\s", "", "".join(text.log_lines(untrusted)))

    assert re.sub(r"\s", "", text.plain(untrusted)) == printed


@given(ANY)
def test_plain__has_no_control_characters_and_can_be_encoded(untrusted: str) -> None:
    result = text.plain(untrusted)

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]", result)
    assert result == text.plain(result)
    result.encode("utf-8")


@pytest.mark.parametrize(
    "raw, expected",
    [
        ("\x1b[0m10:00:00  \x1b[32mOK\x1b[0m", "10:00:00  OK"),
        ("\x1b[38;5;196mred\x1b[m", "red"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b(Btext", "text"),
        ("a\x1b", "a"),
        ("\x1b[", ""),
        ("progress 1%\rprogress 2%", "progress 1%\nprogress 2%"),
        ("a\r\nb\n", "a\nb\n"),
        ("tab\tstays", "tab\tstays"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("ünï 💥", "ünï 💥"),
    ],
)
def test_plain__removes_escape_sequences(raw: str, expected: str) -> None:
    assert expected == text.plain(raw)


@given(ANY)
def test_one_line__has_no_line_end_and_single_blanks(untrusted: str) -> None:
    result = text.one_line(untrusted)

    assert len(result.splitlines()) <= 1
    assert result == result.strip()
    assert "  " not in result


@given(ANY, st.integers(1, 300))
def test_cut__is_not_longer_than_its_limit(untrusted: str, length: int) -> None:
    result = text.cut(untrusted, length)

    assert len(result) <= length
    assert result == untrusted or result.endswith("…")


SECRETS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=12), max_size=4)


@given(ANY, SECRETS, st.data())
def test_redact__leaves_no_secret(untrusted: str, secrets: list[str], data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, len(untrusted)), min_size=len(secrets), max_size=len(secrets)))
    for secret, position in zip(secrets, positions, strict=True):
        untrusted = untrusted[:position] + secret + untrusted[position:]

    result = text.redact(untrusted, secrets)

    assert not [secret for secret in secrets if secret in result and secret not in "***"]


def test_redact__a_secret_that_begins_like_another() -> None:
    """The end of the longer one must not be left over."""
    result = text.redact("token-1-and-more", ("token-1", "token-1-and-more"))

    assert "***" == result


def unescaped(result: str) -> str:
    """`result` without escapes and references, so that only characters are left that are markup."""
    return re.sub(r"&(?:amp|lt|#64|#8203);|@?<!-- -->|@(?=&#8203;)", "", re.sub(r"\\[!-/:-@\[-`{-~]", "", result))


@given(ANY)
def test_markdown__contains_no_markup(untrusted: str) -> None:
    result = text.markdown(untrusted)

    assert len(result.splitlines()) <= 1
    assert not set(unescaped(result)) & set("\\`*_{}[]()#+!|~<>@&-")


@given(ANY)
@example("@octocat")
@example("a@b.example @acme/team")
def test_markdown__contains_no_mention(untrusted: str) -> None:
    """GitHub looks for mentions after escapes and references were resolved [github/cmark-gfm#181]."""
    shown = html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text.markdown(untrusted)))

    assert not re.search("@[A-Za-z0-9]", shown)


@given(ANY)
def test_markdown__does_not_end_a_cell_of_a_table(untrusted: str) -> None:
    row = f"| {text.markdown(untrusted)} |"

    assert 2 == len(re.findall(r"(?<!\\)(?:\\\\)*\|", row))


@given(ANY)
@example("text\n```\n# a heading")
@example("`````\n`````")
def test_code_block__is_closed_only_by_its_last_line(untrusted: str) -> None:
    """CommonMark: a fence is closed by a line of at least as many backticks and nothing else."""
    block = text.code_block(untrusted).split("\n")

    fence = re.match("`+", block[0])
    assert fence is not None
    assert len(fence[0]) >= 3
    assert fence[0] == block[-1]
    closing = [line for line in block[1:-1] if re.fullmatch(rf" {{0,3}}`{{{len(fence[0])},}}[ \t]*", line)]
    assert [] == closing


@given(ANY, ANY)
def test_link__is_a_link_to_that_address_or_the_label(label: str, url: str) -> None:
    result = text.link(label, url)

    match = re.fullmatch(r"\[(.*)\]\((https?://[^\s()<>\\\"']+)\)", result)
    if match:
        assert url == match[2]
        assert text.markdown(label) == match[1]
    else:
        assert text.markdown(label) == result


@pytest.mark.parametrize(
    "url, linked",
    [
        ("https://ab123.us1.dbt.com/deploy/1/projects/2/runs/3/", True),
        ("http://127.0.0.1:8080/x?y=z#a", True),
        ("", False),
        ("javascript:alert(1)", False),
        ("https://x/)[y](https://evil.example", False),
        ("https://x y", False),
        ('https://x" onclick="y', False),
        ("https://x>y", False),
        ("//x", False),
        ("https://x\n", False),
    ],
)
def test_link__needs_a_plain_web_address(url: str, linked: bool) -> None:  # noqa: FBT001
    assert linked is ("](" in text.link("label", url))


@pytest.mark.parametrize(
    "seconds, expected",
    [
        (-5, "0s"),
        (0, "0s"),
        (0.4, "0s"),
        (42, "42s"),
        (59.6, "1m 00s"),
        (60, "1m 00s"),
        (192, "3m 12s"),
        (3_599, "59m 59s"),
        (3_599.6, "1h 00m"),
        (3_840, "1h 04m"),
        (90_000, "25h 00m"),
    ],
)
def test_duration__has_hours_or_minutes_and_seconds(seconds: float, expected: str) -> None:
    assert expected == text.duration(seconds)


@pytest.mark.parametrize("count, expected", [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes")])
def test_plural__has_no_s_for_one(count: int, expected: str) -> None:
    assert expected == text.plural(count, "node")


@pytest.mark.parametrize(
    "count, expected",
    [(1, "1 B"), (1000, "1000 B"), (1024, "1 KiB"), (1536, "1536 B"), (3 * 1024**2, "3 MiB"), (2 * 1024**3, "2 GiB")],
)
def test_binary_size__is_written_as_the_input_has_it(count: int, expected: str) -> None:
    assert expected == text.binary_size(count)
