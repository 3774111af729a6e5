"""What a page in Markdown is, read without the product's code: its HTML, links, code and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Tags that the product writes. The last one keeps GitHub from notifying people whose name is mentioned.
OUR_TAGS = {"<details>", "</details>", "<summary>", "</summary>", "<!-- -->"}
# The only block of HTML that the product writes.
FOLD = re.compile(r"<details><summary>(?P<title>[^<>\n]*)</summary>\n?|</details>\n?")


@dataclass
class Page:
    """A page in its parts."""

    html: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    code: list[tuple[str, str]] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    @property
    def folds(self) -> list[str]:
        """The titles of all folds; AssertionError when there is other HTML or a fold is not closed."""
        depth, titles = 0, []
        for part in self.html:
            for line in part.strip().split("\n"):
                found = FOLD.fullmatch(line)
                assert found, f"HTML: {line!r}"
                title = found["title"]
                depth += 1 if title is not None else -1
                assert depth in (0, 1), "a fold inside a fold"
                titles += [title] if title is not None else []
        assert depth == 0, "a fold without an end"
        return titles


def render(markdown: str) -> Page:
    """The parts of a page, as GitHub's Markdown has them: CommonMark with HTML and tables."""
    page = Page()
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    for number, token in enumerate(tokens):
        if token.type == "html_block":
            page.html.append(token.content)
        elif token.type in ("fence", "code_block"):
            page.code.append((token.info if token.type == "fence" else "indented", token.content))
        elif token.type == "inline":
            _inline(page, token)
            words = "".join(_words(token))
            page.text.append(words)
            if tokens[number - 1].type == "heading_open":
                page.headings.append(words)
        elif token.type == "tr_close":
            page.rows.append(_row(tokens, number))
    return page


def rendered_lines(markdown: str) -> int:
    """The lines that a reader sees while all folds are closed; each fold is one, and so is each row of a table.

    A paragraph counts as one line for each 110 characters, about what fits on GitHub's pages.
    """
    visible = re.sub(r"</summary>.*?</details>", "</summary></details>", markdown, flags=re.DOTALL)
    page = render(visible)
    wide = 110
    lines = sum(max(1, -(-len(part) // wide)) for words in page.text for part in words.split("\n"))
    cells = sum(len(row) for row in page.rows)
    code = sum(content.count("\n") for language, content in page.code if language != "inline")
    return lines - cells + len(page.rows) + code + sum(part.count("<details>") for part in page.html)


def _row(tokens: list[Token], end: int) -> tuple[str, ...]:
    begin = max(number for number in range(end) if tokens[number].type == "tr_open")
    return tuple("".join(_words(token)) for token in tokens[begin:end] if token.type == "inline")


def _inline(page: Page, token: Token) -> None:
    children = token.children or []
    for number, child in enumerate(children):
        if child.type == "html_inline":
            page.html.append(child.content)
        elif child.type == "image":
            page.images.append(str(child.attrGet("src")))
        elif child.type == "code_inline":
            page.code.append(("inline", child.content))
        elif child.type == "link_open":
            page.links.append((str(child.attrGet("href")), children[number + 1].content))


def _words(token: Token) -> Iterator[str]:
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            yield child.content
        elif child.type in ("softbreak", "hardbreak"):
            yield "\n"


def _prose(page: str) -> Iterator[str]:
    """The lines that are not in a fenced block, by the rules of CommonMark; every block must be closed."""
    fence = ""
    for line in page.split("\n"):
        opened = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if not fence and opened:
            fence = opened[1]
        elif fence and re.fullmatch(rf" {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*", line):
            fence = ""
        elif not fence:
            yield line
    assert not fence, "a block without an end"


def check_source(page: str, addresses: tuple[str, ...]) -> None:
    """Fail when the Markdown itself has tags, links, mentions or tables that the product does not write.

    `render` shows what one renderer makes of a page; this holds for every other renderer too. `addresses` are the
    beginnings of links that are allowed.
    """
    width = 0
    for line in _prose(page):
        # Text in a code span is shown as it is. The backtick of a span that is not closed is found below.
        plain = re.sub(r"`[^`|<>\\]+`", "", re.sub(r"\\[!-/:-@\[-`{-~]", "", line))
        assert set(re.findall("<[^>]*>?", plain)) <= OUR_TAGS
        assert [] == [link for link in re.findall(r"\]\(([^)]*)\)", plain) if not link.startswith(addresses)]
        assert not re.search("@[A-Za-z0-9]", plain)
        assert "`" not in plain
        if line.startswith("|"):
            width = width or plain.count("|")
            assert width == plain.count("|")
        else:
            width = 0
