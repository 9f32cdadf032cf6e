"""HTML by lxml: what a person would read of it. Nothing is run and nothing fetched."""

from collections.abc import Iterator
from typing import Any

from lxml import etree, html

from stellwerk.ports.reading import InvalidFileError
from stellwerk.readers import running

UNSEEN = {"script", "style", "template", "noscript", "head", "svg", "iframe", "object", "select"}
HEADINGS = {f"h{level}" for level in range(1, 7)}
BLOCKS = HEADINGS | {
    *("address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "p"),
    *("pre", "section", "summary", "table", "tbody", "thead", "tr", "ul", "br", "caption"),
}


def text_in(data: bytes) -> str:
    """See `text_of`."""
    return text_of(running.text_in(data))


def text_of(markup: str) -> str:
    """The visible text: blocks on lines of their own, headings with `#`, cells with `|`."""
    if not markup.strip():
        return ""
    try:
        # Bytes with the parser's own encoding: a declaration in the text may name another.
        root = html.document_fromstring(markup.encode(), parser=_parser())
    except (etree.ParserError, ValueError) as error:
        raise InvalidFileError("The HTML cannot be read.") from error
    lines = (" ".join(line.split()) for line in "".join(_pieces(root)).splitlines())
    return "\n".join(line.removesuffix(" |") for line in lines if line)


def _parser() -> html.HTMLParser:
    return html.HTMLParser(
        no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8", huge_tree=True
    )


def _pieces(root: Any) -> Iterator[str]:
    """Walk without recursion: a page may nest deeper than Python may call."""
    hidden = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            hidden += name in UNSEEN
            if not hidden:
                yield "\n" if name in BLOCKS else ""
                yield "# " if name in HEADINGS else ""
                yield _flat(element.text)
        else:
            hidden -= name in UNSEEN
            if not hidden:
                yield "\n" if name in BLOCKS else " | " if name in {"td", "th"} else ""
                yield _flat(element.tail)


def _flat(text: str | None) -> str:
    """Line breaks of the source are spaces to a reader."""
    return (text or "").replace("\n", " ").replace("\r", " ")
