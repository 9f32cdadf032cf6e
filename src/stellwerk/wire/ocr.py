"""`POST /ocr`: a picture in, its text out. The shape is Mistral's; `regions` are beside it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PICTURE = "data:image/png;base64,iVBORw0KGgo..."


class PictureUrl(msgspec.Struct, kw_only=True):
    """A picture, as chat messages have it."""

    url: Annotated[str, Meta(description="A data URI.", examples=[PICTURE])]
    detail: Annotated[
        str | None,
        Meta(description="`high`: small pictures are read enlarged, which finds lone figures."),
    ] = None


class PictureDocument(msgspec.Struct, kw_only=True):
    """What is to be read."""

    type: Annotated[
        Literal["image_url"], Meta(description="Always `image_url`.", examples=["image_url"])
    ] = "image_url"
    image_url: Annotated[
        str | PictureUrl,
        Meta(
            description="PNG, JPEG, WebP, GIF, TIFF or BMP as a data URI. Local models "
            "fetch nothing from other servers.",
            examples=[PICTURE],
        ),
    ]


class OcrRequest(msgspec.Struct, kw_only=True):
    """A picture to read."""

    model: Annotated[str, Meta(description="Id of an OCR model.", examples=["PP-OCRv6-small"])]
    document: Annotated[PictureDocument, Meta(description="What is to be read.")]


class OcrRegion(msgspec.Struct, kw_only=True):
    """A line of text, and where it stands."""

    text: Annotated[str, Meta(description="The line.", examples=["Gleis 17"])]
    box: Annotated[
        tuple[float, float, float, float],
        Meta(
            description="Left, top, right and bottom in pixels of the picture as it was sent.",
            examples=[[20, 12, 118, 40]],
        ),
    ]
    score: Annotated[
        float, Meta(description="How sure the model is, from 0 to 1.", examples=[0.98])
    ]


class OcrColor(msgspec.Struct, kw_only=True):
    """One of the colours that most of the picture has."""

    name: Annotated[str, Meta(description="In English.", examples=["white"])]
    hex: Annotated[str, Meta(description="Its mean, as HTML writes it.", examples=["#fefefe"])]
    share: Annotated[float, Meta(description="Of the picture, from 0 to 1.", examples=[0.93])]


class OcrDimensions(msgspec.Struct, kw_only=True):
    """The size of a page."""

    width: Annotated[int, Meta(description="Pixels.", examples=[800])]
    height: Annotated[int, Meta(description="Pixels.", examples=[600])]


class OcrPage(msgspec.Struct, kw_only=True):
    """What a page says."""

    index: Annotated[int, Meta(description="Place of the page, from 0.", examples=[0])] = 0
    markdown: Annotated[
        str,
        Meta(description="The text in reading order, a line a line.", examples=["Gleis 17"]),
    ]
    dimensions: Annotated[OcrDimensions | None, Meta(description="The picture's size.")] = None
    regions: Annotated[
        list[OcrRegion],
        Meta(description="The lines and where they stand. Only local models tell them."),
    ] = []
    colors: Annotated[
        list[OcrColor],
        Meta(description="The dominant colours, at most five. Only local models tell them."),
    ] = []


class OcrUsage(msgspec.Struct, kw_only=True):
    """What the call used."""

    pages_processed: Annotated[int, Meta(description="Pages.", examples=[1])] = 1
    doc_size_bytes: Annotated[
        int | None, Meta(description="Bytes of the picture.", examples=[48_120])
    ] = None


class OcrAnswer(msgspec.Struct, kw_only=True):
    """The text of a picture."""

    pages: Annotated[list[OcrPage], Meta(description="One page: the picture.")]
    model: Annotated[str, Meta(description="Id of the model.", examples=["PP-OCRv6-small"])]
    usage_info: Annotated[OcrUsage | None, Meta(description="What the call used.")] = None
