"""`POST /ocr`."""

from stellwerk.operations.operation import Operation
from stellwerk.wire.ocr import PICTURE, OcrAnswer, OcrRequest

OPERATION = Operation(
    name="ocr",
    path="/ocr",
    serves="OCR",
    request=OcrRequest,
    response=OcrAnswer,
    event=None,
    summary="Read the text in a picture",
    description="Finds the lines of text in a picture, and says what and where they are.",
    example={
        "model": "PP-OCRv6-small",
        "document": {"type": "image_url", "image_url": PICTURE},
    },
)
