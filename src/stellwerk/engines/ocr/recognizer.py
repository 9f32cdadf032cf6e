"""The lines of text in a picture: found by one network, read by another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rapidocr import RapidOCR

from stellwerk.engines.ocr.pictures import Pixels

# Lines whose middles are closer than this share of their height stand on one row.
SAME_ROW = 0.5
# To look closely is to look at a shorter side of so many pixels, but not at single dots.
CLOSE, MOST_SCALE = 1100, 4
# A strip that is narrower than this, when it fits, is nothing to the network.
NARROWEST = 17


@dataclass(frozen=True, slots=True)
class Line:
    """A line, its box in pixels (left, top, right, bottom), and how sure it is (0 to 1)."""

    text: str
    box: tuple[float, float, float, float]
    score: float


class Recognizer:
    """Reads pictures, one at a time, in the thread that calls."""

    def __init__(
        self,
        files: dict[str, Path],
        threads: int,
        *,
        sure: float = 0.5,
        longer_side: int = 2000,
    ) -> None:
        """Raises `OSError`, `RuntimeError` or `ValueError` when the weights cannot be loaded."""
        self._longer_side = longer_side
        runtime = "EngineConfig.onnxruntime"
        self._model: Any = RapidOCR(
            params={
                "Det.model_path": str(files["det"]),
                "Rec.model_path": str(files["rec"]),
                # Pages stand upright; to look whether they do costs a third network.
                "Global.use_cls": False,
                "Global.text_score": sure,
                "Global.max_side_len": longer_side,
                "Global.log_level": "critical",
                f"{runtime}.intra_op_num_threads": threads,
                f"{runtime}.inter_op_num_threads": 1,
            }
        )

    def read(self, picture: Pixels, *, closely: bool = False) -> list[Line]:
        """The lines in reading order: row by row, from left to right.

        `closely`: a small picture is enlarged first; a lone figure beside a bar is overlooked else.
        """
        height, width = picture.shape[:2]
        if min(height, width) * self._longer_side < NARROWEST * max(height, width):
            return []
        scale = enlarged((height, width), self._longer_side) if closely else 1
        if scale > 1:
            picture = _enlarged(picture, scale)
        found = self._model(picture)
        if found.txts is None:
            return []
        lines = [
            Line(text.strip(), _box(corners / scale), round(float(score), 4))
            for text, corners, score in zip(found.txts, found.boxes, found.scores, strict=True)
            if text.strip()
        ]
        return in_order(lines)


def enlarged(size: tuple[int, int], longer_side: int) -> float:
    """How many times as large a picture is looked at closely; 1 for one that is large enough."""
    # What is longer than the network looks at would be made smaller again.
    return max(1, min(CLOSE / min(size), MOST_SCALE, longer_side / max(size)))


def _enlarged(picture: Pixels, scale: float) -> Pixels:
    height, width = picture.shape[:2]
    size = round(width * scale), round(height * scale)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _box(corners: Any) -> tuple[float, float, float, float]:
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return (*(round(float(number), 1) for number in (left, top, right, bottom)),)  # type: ignore[return-value]


def in_order(lines: list[Line]) -> list[Line]:
    """Rows from top to bottom. On a tilted scan neighbours still overlap, so rows hold."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=middle):
        height = line.box[3] - line.box[1]
        if rows and middle(line) - middle(rows[-1][0]) < SAME_ROW * height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda one: one.box[0])]


def middle(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2
