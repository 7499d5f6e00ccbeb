"""A page as a list of blocks, written as Markdown and as HTML: the same words in both.

Text that comes from a repository (names of branches, values of parameters, files) may try to be markup.
Everything is escaped in both forms. A host has rules of its own (a mention that notifies people, a reference
to an issue, a link of an address): they find nothing in `Quoted` text, which is shown as code, and nothing in
any other, which has `BREAK` inside of them.
"""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BREAK = "\u200b"  # a space of no width
SHOWN = 300  # characters of a quoted text; longer ones are cut
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left; vertical-align: top }
th { background: #f3f3f3 } code { background: #f3f3f3; padding: 0 .2em; overflow-wrap: anywhere }
pre { background: #f3f3f3; padding: 1rem; overflow-x: auto }
img { max-width: 100% } td img { min-width: 18rem }
summary { cursor: pointer; margin: .5rem 0 }
"""


@dataclass(frozen=True)
class Quoted:
    """Text from the repository."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Words that must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Image:
    """A PNG: its bytes for HTML, an address for Markdown."""

    content: bytes
    address: str
    caption: str


Inline = str | Quoted | Strong | Image
Words = Inline | tuple["Words", ...]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's title."""

    level: int
    words: Words


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    words: Words


@dataclass(frozen=True)
class Items:
    """A bullet list."""

    items: list[Words]


@dataclass(frozen=True)
class Table:
    """A table; every row has a cell for each column."""

    head: list[str]
    rows: list[list[Words]]


@dataclass(frozen=True)
class Listing:
    """A file's text as it stands."""

    text: str


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown on demand."""

    summary: str
    blocks: list[Block] = field(default_factory=list)


Block = Heading | Paragraph | Items | Table | Listing | Fold


def listed(words: Sequence[Words], most: int = 20) -> Words:
    """Words with commas between them; of more than `most` the last are counted."""
    shown = [each for word in words[:most] for each in (word, ", ")][:-1]
    return (*shown, f" and {len(words) - most} more") if len(words) > most else tuple(shown)


def visible(text: str) -> str:
    r"""Text in one line, with marks for characters that cannot be seen or that turn the order of others.

    >>> visible("a\nb\u202e")
    'a\\nb\\u202e'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _cut(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.splitlines())


def markdown(blocks: list[Block], limit: int | None = None) -> str:
    """The page as GitHub's Markdown; beyond `limit` characters folds are left out, the last first."""
    kept = list(blocks)
    while True:  # ends: each turn leaves one fold out
        text = "\n".join(_markdown(block) for block in kept)
        folds = [index for index, block in enumerate(kept) if isinstance(block, Fold) and block.blocks]
        if limit is None or len(text) <= limit:
            return text
        if not folds:
            whole_lines = text[: limit - 100].rpartition("\n")[0]
            return f"{whole_lines}\n\n(Cut here: the HTML page has the rest.)\n"
        summary = kept[folds[-1]].summary  # type: ignore[union-attr]
        kept[folds[-1]] = Paragraph(f"{summary}: in the HTML page.")


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_inline(block.words)}\n"
        case Paragraph():
            return f"{_inline(block.words)}\n"
        case Items():
            return "".join(f"- {_inline(item)}\n" for item in block.items)
        case Table():
            rows = [[_inline(cell) for cell in row] for row in block.rows]
            lines = [[_plain(cell) for cell in block.head], ["---"] * len(block.head), *rows]
            return "".join(f"| {' | '.join(line)} |\n" for line in lines)
        case Listing():
            longest = max((len(run) for run in re.findall(r"`+", block.text)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"{fence}text\n{_lines(block.text)}\n{fence}\n"
        case Fold():
            inner = "\n".join(_markdown(each) for each in block.blocks)
            return f"<details><summary>{_plain(block.summary)}</summary>\n\n{inner}\n</details>\n"


def _inline(words: Words) -> str:
    match words:
        case tuple():
            return "".join(_inline(each) for each in words)
        case Quoted():
            return _code(_cut(words.text))
        case Strong():
            return f"**{_plain(words.text)}**"
        case Image():
            return f"![{_plain(words.caption)}]({words.address})"
        case _:
            return _plain(words)


def _plain(text: str) -> str:
    """Our own words: what would be markup is escaped, the rest stays readable in the source."""
    escaped = html.escape(visible(text), quote=False)
    escaped = re.sub(r"([\\`*\[\]|~])", r"\\\1", escaped)
    # Before the point of www: behind it the break would be taken for a part of the host's name.
    escaped = re.sub(r"(?i)@|#(?=\d)|GH(?=-\d)|:(?=//)|www(?=\.)", rf"\g<0>{BREAK}", escaped)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)


def _code(text: str) -> str:
    """A code span where nothing can end it, else every character that is markup as a numeric entity."""
    if re.fullmatch(r"[^`|\\\s](?:[^`|\\]*[^`|\\\s])?", text):
        return f"`{text}`"
    text = re.sub(r"[^\w .,=/%+-]|_(?!\w)|(?<!\w)_", lambda found: f"&#{ord(found[0])};", text)
    text = re.sub(r"(?i)(?<=www)\.", "&#46;", text)
    return f"<code>{text}</code>"


def web_page(blocks: list[Block], title: str) -> str:
    """The page as HTML that needs nothing else: styles inside, images as data, no script allowed."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_html(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n{_blocks(blocks)}</body>\n</html>\n"
    )


def _blocks(blocks: list[Block]) -> str:
    return "".join(_html_block(block) for block in blocks)


def _html_block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_html(block.words)}</h{block.level}>\n"
        case Paragraph():
            return f"<p>{_html(block.words)}</p>\n"
        case Items():
            return f"<ul>{''.join(f'<li>{_html(item)}</li>' for item in block.items)}</ul>\n"
        case Table():
            head = "".join(f"<th>{_html(cell)}</th>" for cell in block.head)
            cells = ("".join(f"<td>{_html(cell)}</td>" for cell in row) for row in block.rows)
            rows = "".join(f"<tr>{row}</tr>\n" for row in cells)
            return f"<table>\n<tr>{head}</tr>\n{rows}</table>\n"
        case Listing():
            return f"<pre>{html.escape(_lines(block.text))}</pre>\n"
        case Fold():
            summary = f"<summary>{_html(block.summary)}</summary>"
            return f"<details>{summary}\n{_blocks(block.blocks)}</details>\n"


def _html(words: Words) -> str:
    match words:
        case tuple():
            return "".join(_html(each) for each in words)
        case Quoted():
            return f"<code>{html.escape(_cut(words.text))}</code>"
        case Strong():
            return f"<strong>{html.escape(visible(words.text))}</strong>"
        case Image():
            data = base64.b64encode(words.content).decode()
            return f'<img alt="{html.escape(visible(words.caption))}" src="data:image/png;base64,{data}">'
        case _:
            return html.escape(visible(words))
