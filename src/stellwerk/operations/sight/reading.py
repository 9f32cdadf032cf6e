"""A picture in words, for a model that cannot see: what a model of type OCR reads in it."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

import msgspec

from stellwerk.base.errors import InvalidRequestError, Kind, StellwerkError
from stellwerk.base.limits import Limits
from stellwerk.features.keys.types import KeyLimits, Principal
from stellwerk.operations import ocr
from stellwerk.operations.asking import Asker, answer
from stellwerk.operations.sight.picture import Picture
from stellwerk.upstreams.failures import UpstreamError
from stellwerk.wire.ocr import OcrAnswer, OcrPage, OcrRegion

# The next turn of a conversation brings the same pictures again.
MOST_KNOWN = 256
# Below this, a picture has no room for a letter, and no reader takes it.
SMALLEST = 8
# Lines whose middles are closer than this share of their height stand on one row.
SAME_ROW = 0.5
# Two lines of a text may well be centred alike; fewer columns than this are no chart.
FEWEST_COLUMNS = 2
# Pieces of text up to which a picture may be a sign or a photo, whose colours are asked for.
FEW = 5
# Lines, edges and bars, as letters.
RULES = frozenset("_-\u2013\u2014|=~ ")
DOCUMENT = "document.image_url"


class PageReader:
    """Has pictures read, with the rights and on the account of a caller."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self._known: OrderedDict[tuple[bool, bytes], OcrPage] = OrderedDict()

    async def page(
        self,
        asker: Asker,
        principal: Principal,
        picture: Picture,
        request_id: str,
        param: str,
        *,
        closely: bool,
    ) -> OcrPage:
        """What stands in it. Raises `StellwerkError`; `param` tells a fault of the picture."""
        if min(picture.width, picture.height) < SMALLEST:
            return OcrPage(markdown="", regions=[])
        key = closely, hashlib.sha256(picture.data).digest()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        image = {"url": picture.url, "detail": "high" if closely else "low"}
        body = {"model": self.reader, "document": {"type": "image_url", "image_url": image}}
        payer = replace(principal, limits=_budgets(principal.limits))
        try:
            told = await answer(asker, ocr.OPERATION, payer, body, request_id)
        except StellwerkError as error:
            raise _placed(error, param) from error
        page = self._known[key] = _page(told, self.reader)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return page


def _budgets(limits: KeyLimits | None) -> KeyLimits | None:
    """What still limits a call within a call: money. The rest was taken by the outer one."""
    if limits is None:
        return None
    key, project = (
        Limits(monthly_budget=one.monthly_budget, prepaid_budget=one.prepaid_budget)
        for one in (limits.key, limits.project)
    )
    return KeyLimits(key, project, limits.project_name) if key or project else None


def _placed(error: StellwerkError, param: str) -> StellwerkError:
    """An error of the picture, told of the field that the caller sent it in."""
    if error.kind is not Kind.INVALID or error.param != DOCUMENT:
        return error
    message = error.message.replace(DOCUMENT, param)
    return InvalidRequestError(message, param=param, code=error.code)


def _page(told: bytes, reader: str) -> OcrPage:
    try:
        pages = msgspec.json.decode(told, type=OcrAnswer).pages
    except msgspec.MsgspecError as error:
        message = f"{reader!r} answered with something else than the text of the picture."
        raise UpstreamError(message) from error
    return pages[0] if pages else OcrPage(markdown="")


def words(picture: Picture, page: OcrPage, name: str, *, places: bool) -> str:
    """The picture as a text that a model can answer from.

    `places`: where each piece stands, too, and the colours also of a page full of text. Small
    models take such numbers for the ones that they are asked for.
    """
    page = _without_rules(page)
    known = [f"{picture.form}, {picture.width} x {picture.height} pixels"]
    if page.colors and (places or len(page.regions) <= FEW):
        known.append("colours " + ", ".join(f"{one.name} {one.share:.0%}" for one in page.colors))
    head = f"[{name}: {'; '.join(known)}."
    lines = _lines(page, places=places)
    if not lines:
        return (
            f"{head} It holds no text that could be read. What else it shows is not known here: "
            "only its size and colours are.]"
        )
    behind = " behind its place (x, y in pixels from the top left)" if places else ""
    told = f"The text in it, row by row{behind if page.regions else ''}:"
    return "\n".join([f"{head} {told}", *lines, *_columns(page.regions), f"End of {name}.]"])


def _without_rules(page: OcrPage) -> OcrPage:
    """Without what a reader takes for text where there are lines and bars."""
    said = [region for region in page.regions if not RULES.issuperset(region.text)]
    markdown = page.markdown if said or not page.regions else ""
    return msgspec.structs.replace(page, regions=said, markdown=markdown)


def _lines(page: OcrPage, *, places: bool) -> list[str]:
    if not page.regions:
        return [line for line in page.markdown.splitlines() if line.strip()]
    return [_placed_row(row) if places else _row(row) for row in _rows(page.regions)]


def _placed_row(row: Sequence[OcrRegion]) -> str:
    return "  ".join(f"({one.box[0]:.0f},{one.box[1]:.0f}) {one.text}" for one in row)


def _row(row: Sequence[OcrRegion]) -> str:
    texts = [region.text for region in row]
    named = len(texts) == 2 and _is_figure(texts[1]) and not _is_figure(texts[0])
    return (": " if named else "  ").join(texts)


def _rows(regions: Sequence[OcrRegion]) -> list[list[OcrRegion]]:
    """Neighbours in reading order that stand on one row: what a label says of a figure."""
    rows: list[list[OcrRegion]] = []
    for region in regions:
        height = region.box[3] - region.box[1]
        if rows and abs(_middle(region) - _middle(rows[-1][0])) < SAME_ROW * height:
            rows[-1].append(region)
        else:
            rows.append([region])
    return rows


def _columns(regions: Sequence[OcrRegion]) -> list[str]:
    """Names and figures centred below each other, from the left: a chart's bars, a table's columns.

    Small models find them more often so than from the highest bar to the lowest.
    """
    columns: list[list[OcrRegion]] = []
    for region in regions:
        for column in columns:
            if abs(_centre(region) - _centre(column[-1])) < _narrower(region, column[-1]) / 4:
                column.append(region)
                break
        else:
            columns.append([region])
    columns.sort(key=lambda column: _centre(column[-1]))
    pairs = [pair for column in columns if (pair := _pair([region.text for region in column]))]
    if len(pairs) < FEWEST_COLUMNS:
        return []
    return ["What stands below each other:", *pairs]


def _pair(texts: list[str]) -> str | None:
    """A name with the figures next to it: above it as a bar has them, below it as in a table.

    What else stands there, such as the title above a bar, does not belong to it.
    """
    if not _is_figure(texts[-1]):
        above = list(takewhile(_is_figure, reversed(texts[:-1])))
        if above:
            return f"{texts[-1]}: {', '.join(reversed(above))}"
    below = list(takewhile(_is_figure, texts[1:]))
    if below and not _is_figure(texts[0]):
        return f"{texts[0]}: {', '.join(below)}"
    return None


def _is_figure(text: str) -> bool:
    return any(map(str.isdigit, text))


def _centre(region: OcrRegion) -> float:
    return (region.box[0] + region.box[2]) / 2


def _narrower(one: OcrRegion, other: OcrRegion) -> float:
    return min(one.box[2] - one.box[0], other.box[2] - other.box[0])


def _middle(region: OcrRegion) -> float:
    return (region.box[1] + region.box[3]) / 2
