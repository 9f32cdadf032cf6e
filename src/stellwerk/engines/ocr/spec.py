"""PP-OCR: the text in pictures, pages, charts and scans, in Latin letters and Chinese.

Run by RapidOCR 3.10 (ONNX Runtime, OpenCV). Weights: two ONNX files whose names end with
`det_small.onnx` (finds lines) and `rec_small.onnx` (reads them), of PP-OCRv6. Options: `sure`
(least score of a line, 0.5), `longer_side` (a larger picture is made smaller first, 2000 pixels).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from stellwerk.base.errors import InvalidRequestError
from stellwerk.ports.engines import Description, EngineSpec, Launch, read_options

ENDINGS = {"det": "det_small.onnx", "rec": "rec_small.onnx"}
# Python, OpenCV and the work space of one page; measured with a page of 30 lines.
OVERHEAD = 600 * 2**20


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry of the catalogue may set."""

    sure: Annotated[float, Meta(ge=0, le=1)] = 0.5
    longer_side: Annotated[int, Meta(ge=256, le=8000)] = 2000


def options_of(given: object) -> Options:
    """Raises `InvalidRequestError`."""
    return read_options("ocr", given, Options)


def weights(files: Iterable[str]) -> dict[str, Path]:
    """The files, as `det` and `rec`. Raises `InvalidRequestError` when one is missing."""
    given = list(files)
    found = {
        name: Path(file)
        for name, ending in ENDINGS.items()
        for file in given
        if file.endswith(ending)
    }
    if len(found) < len(ENDINGS):
        raise InvalidRequestError(
            f"The engine ocr needs files whose names end with {' and '.join(ENDINGS.values())}."
        )
    return found


def describe(launch: Launch) -> Description:
    """Look at the options, and at the files' sizes."""
    options_of(launch.options)
    size = sum(path.stat().st_size for path in weights(launch.files).values())
    return Description(context=0, footprint=size + OVERHEAD)


SPEC = EngineSpec(
    name="ocr",
    module="stellwerk.engines.ocr",
    serves="OCR",
    operations=frozenset({"ocr"}),
    describe=describe,
)
