"""What a renderer of Markdown makes of a page: its HTML, links, code and tables, without the product's code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

# The only HTML that the product writes itself.
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
                assert depth in (0, 1), "a fold in a fold"
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
