"""Pages in Markdown and HTML; both are parsed again, as a reader's browser would."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from fullcycle.page import (
    Fold,
    Heading,
    Image,
    Items,
    Listing,
    Paragraph,
    Quoted,
    Strong,
    Table,
    listed,
    markdown,
    web_page,
)

HOSTILE = [
    "a|b",
    "`; rm -rf /`",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "**bold** _it_ ~~gone~~ # head",
    "two\nlines\r\n| a | b |",
    "&lt;b&gt; &#60;",
    "back\\slash\\",
    "\\|",
    "</code></td></details>",
    "@somebody #1 GH-1 https://evil.example www.evil.example x@evil.example",
    "]]>--><!--",
    " leading and trailing ",
    "``` fence",
]


class Read(HTMLParser):
    """The tags and the texts of a page, and the cells of its tables."""

    def __init__(self, text):
        """Read a page."""
        super().__init__()
        self.tags, self.cells, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note a tag and open a cell."""
        self.tags.append((tag, dict(attrs)))
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data):
        """Note a text."""
        self.text += data
        if self.cells:
            self.cells[-1] += data

    @property
    def names(self):
        """The tags' names."""
        return {tag for tag, _ in self.tags}


def rendered(blocks):
    """What a Markdown reader makes of a page."""
    return Read(MarkdownIt("commonmark").enable("table").render(markdown(blocks)))


def one_line(text):
    """A text as the page shows it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_quoted_text_stays_text_in_markdown(text):
    """In a table's cell nothing of it becomes markup, a second cell or a link."""
    read = rendered([Table(["name", "value"], [[Quoted(text), "1"]])])
    assert read.names == {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert [cell.strip() for cell in read.cells[2:]] == [one_line(text).strip(), "1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_our_own_words_are_escaped_too(text):
    """A sentence may hold a name from the repository by mistake: still no markup."""
    read = rendered([Heading(1, "Head"), Paragraph(text), Items([text])])
    assert read.names <= {"h1", "p", "ul", "li"}


@pytest.mark.parametrize("text", HOSTILE)
def test_quoted_text_stays_text_in_html(text):
    """No tag and no attribute comes from it."""
    page = web_page([Paragraph(Quoted(text)), Table(["a"], [[text]]), Listing(text), Fold(text, [])], text)
    read = Read(page)
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "p",
        "code",
        "table",
        "tr",
        "th",
        "td",
        "pre",
    }
    assert read.names <= allowed | {"details", "summary"}
    assert read.text.count(one_line(text)) >= (3 if "\n" in text else 4)
    assert all(set(attributes) <= {"charset", "http-equiv", "content", "lang"} for _, attributes in read.tags)


def test_mentions_and_links_stand_in_code():
    """A host turns @names and addresses into mentions and links, but not inside of code."""
    text = markdown(
        [Paragraph(Quoted("@somebody https://evil.example")), Paragraph(Quoted("`@somebody` www.x.y"))]
    )
    assert text.splitlines()[0] == "`@somebody https://evil.example`"
    assert text.splitlines()[2] == "<code>&#96;&#64;somebody&#96; www&#46;x.y</code>"


@pytest.mark.parametrize("wrap", [Paragraph, lambda text: Fold(text, []), lambda text: Table([text], [])])
def test_other_words_are_no_mentions_and_links_either(wrap):
    """A break of no width stands inside of names, references and addresses; HTML needs none."""
    words = "@one a@b.c #1 o/r#23 GH-4 http://x.y HTTPS://x.y www.x.y WWW.x.y, # head"
    text = markdown([wrap(words)])
    assert re.search(r"(?i)@\w|#\d|GH-\d|://|www\.", text) is None
    assert words in text.replace("\u200b", "")
    assert "\u200b" not in web_page([wrap(words)], "x")


def test_characters_that_turn_the_reading_order_are_shown():
    """A right-to-left override or a zero-width space is written as what it is."""
    blocks = [Paragraph(Quoted("safe\u202egnp.exe\u200b")), Listing("a\u202eb")]
    for text in (markdown(blocks), web_page(blocks, "x")):
        assert "\u202e" not in text
        assert "u202egnp" in text


def test_a_listing_cannot_close_its_fence():
    """The fence is longer than any in the text."""
    read = rendered([Listing("before\n````\n<b>after</b>\n"), Paragraph("end")])
    assert read.names == {"pre", "code", "p"}
    assert read.text == "before\n````\n<b>after</b>\n\nend\n"


def test_both_forms_say_the_same():
    """Words, table and items of a page are the same text in Markdown and in HTML."""
    blocks = [
        Heading(2, ("Gate: ", Quoted("accept"))),
        Paragraph(("A ", Strong("bold"), " word, ", ("nested ", Quoted("x_y")), ".")),
        Items(["one", (Quoted("two"), " three")]),
        Table(["a", "b"], [["1", Quoted("2")]]),
        Fold("More", [Paragraph("inside")]),
    ]
    markup = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(blocks))
    page = web_page(blocks, "")
    words = ["".join(Read(text).text.split()) for text in (markup, page.partition("<body>")[2])]
    assert words[0] == words[1]


def test_a_page_needs_nothing_from_elsewhere():
    """Images are data in HTML, and addresses in Markdown."""
    blocks = [Table(["plot"], [[Image(b"\x89PNG\r\n", "images/1.png", "a plot")]])]
    read = Read(web_page(blocks, "x"))
    sources = [attributes["src"] for tag, attributes in read.tags if tag == "img"]
    assert sources == ["data:image/png;base64,iVBORw0K"]
    assert "![a plot](images/1.png)" in markdown(blocks)


def test_a_page_that_is_too_long_loses_its_folds_first():
    """The last fold goes first, the words stay; without folds the page is cut at a line and says so."""
    long = "x" * 500
    blocks = [Paragraph("first"), Fold("One", [Paragraph(long)]), Fold("Two", [Paragraph(long)])]
    assert "Two: in the HTML page." in markdown(blocks, 700)
    assert "<summary>One</summary>" in markdown(blocks, 700)
    assert markdown(blocks, 200) == "first\n\nOne: in the HTML page.\n\nTwo: in the HTML page.\n"
    cut = markdown([Paragraph("word") for _ in range(100)], 300)
    assert len(cut) <= 300
    assert cut.endswith("(Cut here: the HTML page has the rest.)\n")


def test_long_values_and_long_lists_are_cut():
    """A value of a thousand characters shows its beginning; a list counts what it leaves out."""
    assert len(markdown([Paragraph(Quoted("x" * 1000))])) < 310
    words = listed([str(number) for number in range(25)], most=2)
    assert markdown([Paragraph(words)]) == "0, 1 and 23 more\n"
